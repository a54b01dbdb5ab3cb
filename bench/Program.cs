using McpFilesServer.Bench;

// One scenario for each question. A scenario starts what it needs, measures in turns, and prints a table.
return args switch
{
    ["revocation", ..] => await RevocationScenario.RunAsync(args),
    ["search", ..] => await SearchScenario.RunAsync(args),
    ["listing", ..] => await ListingScenario.RunAsync(args),
    ["reading", ..] => await ReadingScenario.RunAsync(args),
    ["calls", ..] => await CallsScenario.RunAsync(args),
    ["growth", ..] => await GrowthScenario.RunAsync(args),
    ["start", ..] => await StartScenario.RunAsync(args),
    ["hosted", _, _] => await HostedServer.RunAsync(args),
    ["exchange", ..] => await ExchangeScenario.RunAsync(args),
    ["plain", _, _, ..] => await PlainServer.RunAsync(args),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- revocation [ENTRIES]     a call with ENTRIES live revocations (1000000) against one with ten");
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- search [FILES]          search_text over FILES small files (100000) against ripgrep");
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- listing [FILES]         the first page of a folder of FILES (100000) against a naive listing");
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- reading [TURNS]         read_text_file, 4 KiB and 1 MiB, beside the bare SDK and the TypeScript SDK (npm ci in bench/typescript)");
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- calls [TURNS]           tools/list and refusals beside the TypeScript SDK, reads with and without an audit");
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- growth [TURNS]          reads with many records, projects and tools beside few");
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- start FOLDER [TURNS]    start to first good call of the server published to FOLDER, beside the TypeScript SDK");
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench -- exchange [TURNS]        a call that goes downstream, beside the times that the issuer and the API take themselves");
    return 1;
}
