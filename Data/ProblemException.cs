namespace McpFilesServer.Data;

/// <summary>
/// A failure whose message is one plain sentence that the caller may read. It names things as the caller named them: never an absolute path,
/// never the operating system's own text.
/// </summary>
public class ProblemException : Exception
{
    /// <summary>A failure that has nothing more to say.</summary>
    public ProblemException()
        : this("The request could not be carried out.")
    {
    }

    /// <summary>A failure said in one plain sentence.</summary>
    /// <param name="sentence">What the caller may read.</param>
    public ProblemException(string sentence)
        : base(sentence)
    {
    }

    /// <summary>A failure said in one plain sentence, with what lies behind it for the server's own log.</summary>
    /// <param name="sentence">What the caller may read.</param>
    /// <param name="innerException">What only the server may read.</param>
    public ProblemException(string sentence, Exception innerException)
        : base(sentence, innerException)
    {
    }
}

/// <summary>Somebody else came first: what is there is not what was expected. Doing it again may go well.</summary>
internal sealed class ConflictException(string sentence) : ProblemException(sentence);
