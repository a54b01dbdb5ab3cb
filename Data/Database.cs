using System.Data;
using System.Globalization;
using System.Reflection;
using Dapper;
using Microsoft.Data.Sqlite;

namespace McpFilesServer.Data;

/// <summary>One SQLite file with a versioned schema. The numbered scripts of its folder are applied in order, each once, all that are new in one transaction.</summary>
internal sealed class Database : IDisposable
{
    /// <summary>Seconds that a file is waited for that somebody else has locked.</summary>
    public const int Patience = 5;

    private readonly string _connectionString;
    private readonly string _aloneConnectionString;
    private readonly string _file;
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <param name="file">The file; made when it is missing.</param>
    /// <param name="schema">The folder of the scripts below <c>Data</c>.</param>
    public Database(string file, string schema)
    {
        _file = file;
        var settings = new SqliteConnectionStringBuilder { DataSource = file, ForeignKeys = true, DefaultTimeout = Patience };
        _connectionString = settings.ToString();
        settings.Pooling = false;
        _aloneConnectionString = settings.ToString();
        // Nobody else's to read; SQLite gives the files beside it the same mode.
        new FileStream(file, OwnerOnly(FileMode.OpenOrCreate)).Dispose();
        Migrate(schema);
    }

    /// <summary>Whether the file is still where it was opened: one that was deleted goes on for whoever has it open, and is lost.</summary>
    public bool IsThere => Path.Exists(_file);

    /// <summary>Opens a pooled connection. The caller disposes it.</summary>
    public async Task<SqliteConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(_connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether the database takes a write, found out by one: a page of its log, with nothing new in it.</summary>
    public async Task<bool> TakesWritesAsync(CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken);
        await connection.ExecuteAsync("pragma user_version = 1");
        return IsThere;
    }

    /// <summary>How a file is opened that only the server's own user may read and write. Windows gives it the rights of its folder.</summary>
    public static FileStreamOptions OwnerOnly(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return options;
    }

    /// <summary>Opens a file that no other process can hold as well, until it is closed. The content does not matter.</summary>
    /// <exception cref="IOException">Another one holds it.</exception>
    public static FileStream Hold(string file)
    {
        var options = OwnerOnly(FileMode.OpenOrCreate);
        options.Share = FileShare.None;
        return new FileStream(file, options);
    }

    /// <summary>Copies a database as it is at one moment, while others read and write it. Only its owner may read the copy, too.</summary>
    /// <exception cref="IOException">The copy is there already.</exception>
    /// <exception cref="SqliteException">The database is not there, or cannot be read.</exception>
    public static void Copy(string file, string copy)
    {
        new FileStream(copy, OwnerOnly(FileMode.CreateNew)).Dispose();
        using var source = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        using var target = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = copy, Pooling = false }.ToString());
        source.Open();
        target.Open();
        source.BackupDatabase(target);
    }

    /// <summary>Opens a connection that nobody else gets afterwards, for what keeps it. The caller disposes it.</summary>
    public SqliteConnection OpenAlone(string pragma)
    {
        var connection = new SqliteConnection(_aloneConnectionString);
        try
        {
            connection.Open();
            connection.Execute(pragma);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Changes the database in one transaction. SQLite has one writer at a time: here they wait for each other in turn, and not by asking again and again.
    /// </summary>
    public async Task WriteAsync(Func<SqliteConnection, SqliteTransaction, Task> write, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await using var connection = await OpenAsync(cancellationToken);
            await using var transaction = (SqliteTransaction)await connection.BeginTransactionAsync(cancellationToken);
            await write(connection, transaction);
            await transaction.CommitAsync(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Times are text in UTC, to the millisecond, so that their order is that of the text.</summary>
    public static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    public void Dispose() => _turn.Dispose();

    private void Migrate(string schema)
    {
        using var connection = new SqliteConnection(_connectionString);
        connection.Open();
        connection.Execute("pragma journal_mode = wal");
        connection.Execute("create table if not exists schema_version (version integer not null primary key)");
        using var transaction = connection.BeginTransaction(IsolationLevel.Serializable);
        foreach (var (version, script) in Scripts(schema))
        {
            if (connection.ExecuteScalar<long>("select count(*) from schema_version where version = @version", new { version }, transaction) == 0)
            {
                connection.Execute(script, transaction: transaction);
                connection.Execute("insert into schema_version (version) values (@version)", new { version }, transaction);
            }
        }

        transaction.Commit();
    }

    private static IEnumerable<(int Version, string Script)> Scripts(string schema)
    {
        var prefix = $"{typeof(Database).Namespace}.{schema}.";
        foreach (var name in Assembly.GetExecutingAssembly().GetManifestResourceNames().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
            yield return (int.Parse(name.AsSpan(prefix.Length, 3), CultureInfo.InvariantCulture), reader.ReadToEnd());
        }
    }
}
