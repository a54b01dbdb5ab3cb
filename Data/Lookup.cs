using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Data;

/// <summary>
/// A question that every call asks of the database. To read and plan the text of a command takes SQLite longer than to find a row by its key, so it is done
/// once for each connection, and a connection that has answered waits for the next question. Only the plan is kept, never an answer.
/// </summary>
[SuppressMessage("Reliability", "CA2000", Justification = "Commands and their connections go from hand to hand: see Return and Close.")]
internal sealed class Lookup : IDisposable
{
    /// <summary>
    /// A look-up in a large table reads pages where the system already has them, and copies none. They are the system's file cache, which goes when memory is
    /// needed (the resident figure of a process counts them once for each connection). And a connection that only looks cannot change anything.
    /// </summary>
    private const string OnlyLooking = "pragma mmap_size = 268435456; pragma query_only = 1";

    /// <summary>How many connections wait. More work at once only for moments, because an answer holds its thread for microseconds.</summary>
    private static readonly int MaxIdle = Environment.ProcessorCount * 2;

    private readonly ConcurrentQueue<Statement> _idle = [];
    private readonly Database _database;
    private readonly string _text;
    private readonly string _pragmas;
    private readonly string[] _parameters;
    private bool _disposed;

    /// <param name="database">Where to look.</param>
    /// <param name="text">The command, with its parameters as <c>@Name</c>.</param>
    /// <param name="patience">Seconds that a locked file is waited for.</param>
    /// <param name="parameters">The names of the parameters, in the order in which values will come.</param>
    public Lookup(Database database, string text, int patience, params string[] parameters) =>
        (_database, _text, _pragmas, _parameters) = (database, text, $"{OnlyLooking}; pragma busy_timeout = {patience}000", parameters);

    /// <summary>The first row, read; or <paramref name="none"/> when there is no row.</summary>
    /// <exception cref="SqliteException">The database cannot answer.</exception>
    public T First<T>(Func<Statement, T> read, T none, params ReadOnlySpan<string?> values)
    {
        var statement = _idle.TryDequeue(out var idle) ? idle : Open();
        try
        {
            for (var i = 0; i < values.Length; i++)
            {
                statement.Bind(i, values[i]);
            }

            none = statement.Step() ? read(statement) : none;
            statement.Reset();
            Return(statement);
            return none;
        }
        catch
        {
            // Nobody knows in what state it is.
            Close(statement);
            throw;
        }
    }

    public void Dispose()
    {
        _disposed = true;
        while (_idle.TryDequeue(out var statement))
        {
            Close(statement);
        }
    }

    private Statement Open()
    {
        var connection = _database.OpenAlone(_pragmas);
        try
        {
            return new Statement(connection, _text, _parameters);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Return(Statement statement)
    {
        if (_disposed || _idle.Count >= MaxIdle)
        {
            Close(statement);
        }
        else
        {
            _idle.Enqueue(statement);
        }
    }

    private static void Close(Statement statement)
    {
        statement.Dispose();
        statement.Connection.Dispose();
    }
}
