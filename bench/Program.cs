using McpFilesServer.Bench;

// One scenario for each question. A scenario starts what it needs, measures in turns, and prints a table.
return args switch
{
    ["revocation", ..] => await RevocationScenario.RunAsync(args),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- revocation [ENTRIES]     a call with ENTRIES live revocations (1000000) against one with ten");
    return 1;
}
