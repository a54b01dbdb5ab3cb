namespace McpFilesServer.Auth;

/// <summary>
/// The scopes that a caller's token must hold for a tool, resource or prompt, or for a method of the protocol that this server has a handler
/// of its own for: all of them, and no more than it really needs. One without this attribute stops the server from starting.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresScopeAttribute(params string[] scopes) : Attribute
{
    public IReadOnlyList<string> Scopes => scopes;
}

/// <summary>
/// An argument of a prompt or a resource template whose values can be completed, and the scopes it takes to be told them. An argument
/// without it is completed for nobody.
/// </summary>
/// <param name="argument">The argument, or the variable of the template.</param>
/// <param name="scopes">All scopes that its completion takes.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class CompletesAttribute(string argument, params string[] scopes) : Attribute
{
    public string Argument => argument;

    public IReadOnlyList<string> Scopes => scopes;
}

/// <summary>
/// A tool that does nothing before the person has been asked and has said yes, because what it does cannot be undone or goes out of the house. It is
/// asked for every call, by <c>Tools/Confirmation.cs</c>; the tool itself knows nothing of it. On a tool it stands as <c>[AsksHuman&lt;TheQuestion&gt;]</c>.
/// </summary>
/// <param name="question">Builds the question.</param>
internal abstract class AsksHumanAttribute(Type question) : Attribute
{
    public Type Question => question;
}

/// <summary>
/// A downstream API that a tool calls on behalf of the caller, and the scopes it needs there. The gateway exchanges the caller's
/// token for one with just these scopes before the tool runs; a tool that declares nothing can call nothing.
/// </summary>
/// <param name="resource">The settings section of the downstream API, such as <c>Graph</c>.</param>
/// <param name="scopes">Scopes of that API, such as <c>User.ReadBasic.All</c>.</param>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DownstreamAttribute(string resource, params string[] scopes) : Attribute
{
    public string Resource => resource;

    public IReadOnlyList<string> Scopes => scopes;
}
