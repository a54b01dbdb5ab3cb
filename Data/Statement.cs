using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace McpFilesServer.Data;

/// <summary>
/// One command of one connection, for what is asked or written with every call: planned once, and carried out without the layer in between, which looks each parameter up
/// by its name and makes some objects for each, every time. One thread at a time.
/// </summary>
internal sealed class Statement : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly sqlite3_stmt _statement;
    private readonly int[] _places;

    /// <param name="connection">The connection.</param>
    /// <param name="text">The command.</param>
    /// <param name="parameters">The names of its parameters, in the order in which they will be bound.</param>
    /// <exception cref="SqliteException">It cannot be planned.</exception>
    public Statement(SqliteConnection connection, string text, params IEnumerable<string> parameters)
    {
        _connection = connection;
        Check(raw.sqlite3_prepare_v2(connection.Handle, text, out _statement));
        _places = [.. parameters.Select(name => raw.sqlite3_bind_parameter_index(_statement, name))];
    }

    public SqliteConnection Connection => _connection;

    /// <summary>Gives a parameter a text or a whole number; null is what it has by itself.</summary>
    /// <param name="parameter">Its number in the list of names, from 0.</param>
    /// <param name="value">The value.</param>
    public void Bind(int parameter, object? value)
    {
        if (value is not null)
        {
            Check(value is long number ? raw.sqlite3_bind_int64(_statement, _places[parameter], number) : Bind(_places[parameter], (string)value));
        }
    }

    /// <summary>Goes to the next row.</summary>
    /// <returns>False when there is none, or none any more.</returns>
    /// <exception cref="SqliteException">The database cannot do it.</exception>
    public bool Step()
    {
        var result = raw.sqlite3_step(_statement);
        if (result is not (raw.SQLITE_ROW or raw.SQLITE_DONE))
        {
            Check(result);
        }

        return result == raw.SQLITE_ROW;
    }

    public string Text(int column) => raw.sqlite3_column_text(_statement, column).utf8_to_string();

    public string? TextOrNull(int column) => raw.sqlite3_column_type(_statement, column) == raw.SQLITE_NULL ? null : Text(column);

    public long Number(int column) => raw.sqlite3_column_int64(_statement, column);

    /// <summary>Ends this round, and forgets what was bound: nothing of one call is left for the next.</summary>
    public void Reset()
    {
        // What it says is what the step has said.
        _ = raw.sqlite3_reset(_statement);
        _ = raw.sqlite3_clear_bindings(_statement);
    }

    public void Dispose() => _statement.Dispose();

    private int Bind(int place, string text)
    {
        const int OnTheStack = 512;
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        var bytes = most <= OnTheStack ? stackalloc byte[OnTheStack] : new byte[most];
        return raw.sqlite3_bind_text(_statement, place, bytes[..Encoding.UTF8.GetBytes(text, bytes)]);
    }

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, _connection.Handle);
}
