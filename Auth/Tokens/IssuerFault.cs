using System.Net.Sockets;
using System.Security.Authentication;

namespace McpFilesServer.Auth;

/// <summary>Why an issuer gave no keys, in a sentence for the operator.</summary>
internal static class IssuerFault
{
    public static string Of(Exception fault)
    {
        // The library wraps what was thrown, with sentences of its own around it.
        var causes = new List<Exception>();
        for (var cause = fault; cause is not null; cause = cause.InnerException)
        {
            causes.Add(cause);
        }

        return causes.OfType<IssuerUnavailableException>().FirstOrDefault() is { } own ? own.Message
            : causes.OfType<AuthenticationException>().Any() ? "its certificate is not trusted here. Add the authority that signed it to those of this machine (on Linux, SSL_CERT_FILE names a file of them)."
            : causes.OfType<SocketException>().FirstOrDefault() is { } socket ? Of(socket.SocketErrorCode)
            : causes.OfType<OperationCanceledException>().Any() ? "it does not answer. Look whether a firewall lets this server out."
            : causes.OfType<HttpRequestException>().Any() ? "the connection broke. Look whether a proxy or firewall is in between."
            : "its discovery document cannot be read. Look at it in a browser.";
    }

    private static string Of(SocketError error) => error switch
    {
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "there is no such host. Correct the name, or this machine's name server.",
        SocketError.ConnectionRefused => "nothing listens there. Start it, or correct host and port.",
        _ => "there is no way there. Look whether a firewall lets this server out.",
    };
}
