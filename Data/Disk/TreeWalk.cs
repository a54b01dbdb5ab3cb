using System.Buffers;

namespace McpFilesServer.Data;

/// <summary>What a walk shows its entries to. Each worker has one of its own.</summary>
internal interface ITreeVisitor : IDisposable
{
    void Visit(OpenedDirectory directory, string name, FileKind kind);
}

/// <summary>
/// Goes through a directory and all below it on several threads. Each directory is opened from the one around it and held as long as anything in it is to be
/// looked at; the innermost go first, so that few are held at once. Large directories are shared among the threads piece by piece. Links are not followed,
/// and what the project hides is not there.
/// </summary>
internal sealed class TreeWalk(Glob glob, bool useIgnoreFiles, WalkSlots slots) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Stack<Work> _work = [];
    private readonly SemaphoreSlim _waiting = new(0);
    private int _unfinished;

    /// <summary>Walks, until everything was visited or the token is cancelled.</summary>
    /// <param name="open">Opens the directory where it begins.</param>
    /// <param name="ignored">The ignore files around it, where they count.</param>
    /// <param name="visitor">Makes a visitor for a worker.</param>
    /// <param name="cancellationToken">Stops the walk.</param>
    public async Task RunAsync(Func<OpenedDirectory> open, IgnoreFile? ignored, Func<ITreeVisitor> visitor, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var root = open();
        Push(new Work(new Walked(root, glob.Start, useIgnoreFiles ? Ignored(root, ignored) : null), null));
        try
        {
            await Task.WhenAll(Enumerable.Range(0, WalkSlots.PerWalk).Select(_ => Task.Run(() => WorkAsync(visitor, stop), CancellationToken.None)));
        }
        finally
        {
            while (_work.TryPop(out var left))
            {
                left.Directory.Release();
            }
        }
    }

    public void Dispose() => _waiting.Dispose();

    private async Task WorkAsync(Func<ITreeVisitor> make, CancellationTokenSource stop)
    {
        try
        {
            using var names = new NameBuffer();
            using var visitor = make();
            while (true)
            {
                await _waiting.WaitAsync(stop.Token);
                Work? work;
                lock (_lock)
                {
                    _work.TryPop(out work);
                }

                if (work is null)
                {
                    return;
                }

                using (await EnterAsync(work, stop.Token))
                {
                    Do(work, names, visitor, stop.Token);
                }

                // Whoever ends the last piece of work sends everybody home.
                if (Interlocked.Decrement(ref _unfinished) == 0)
                {
                    _waiting.Release(WalkSlots.PerWalk);
                }
            }
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }

    private async ValueTask<WalkSlots.Slot> EnterAsync(Work work, CancellationToken cancellationToken)
    {
        try
        {
            return await slots.EnterAsync(cancellationToken);
        }
        catch
        {
            work.Directory.Release();
            throw;
        }
    }

    private void Do(Work work, NameBuffer names, ITreeVisitor visitor, CancellationToken cancellationToken)
    {
        var directory = work.Directory;
        if (work.Enter is { } name)
        {
            directory = Enter(work.Directory, name);
            work.Directory.Release();
        }

        if (directory is null)
        {
            return;
        }

        try
        {
            bool again;
            do
            {
                cancellationToken.ThrowIfCancellationRequested();
                again = directory.Opened.ReadSome(names);
                if (names.IsFull)
                {
                    // Somebody else may read on while these are looked at.
                    again = false;
                    Push(new Work(directory.Hold(), null));
                }

                Visit(directory, names, visitor, cancellationToken);
            }
            while (again);
        }
        catch (ProblemException)
        {
            // A directory that cannot be read is one that is not there.
        }
        finally
        {
            directory.Release();
        }
    }

    private void Visit(Walked directory, NameBuffer names, ITreeVisitor visitor, CancellationToken cancellationToken)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (!directory.Opened.Shows(names, i))
            {
                continue;
            }

            cancellationToken.ThrowIfCancellationRequested();
            var name = names.TextOf(i);
            var kind = names.KindOf(i) ?? directory.Opened.KindOf(name);
            if (kind == FileKind.Other || (directory.Ignored is { } ignored && (name == ".git" || ignored.Ignores([.. directory.Opened.Path.Components, name], kind == FileKind.Directory))))
            {
                continue;
            }

            var places = glob.Step(directory.Places, name);
            if (glob.Accepts(places))
            {
                visitor.Visit(directory.Opened, name, kind);
            }

            if (kind == FileKind.Directory && places != 0)
            {
                Push(new Work(directory.Hold(), name));
            }
        }
    }

    private Walked? Enter(Walked parent, string name)
    {
        var opened = parent.Opened.Enter(name);
        return opened is null ? null : new Walked(opened, glob.Step(parent.Places, name), useIgnoreFiles ? Ignored(opened, parent.Ignored) : null);
    }

    /// <summary>The ignore files that count in a directory: its own and those around it.</summary>
    public static IgnoreFile Ignored(OpenedDirectory directory, IgnoreFile? outer)
    {
        using var file = directory.OpenFile(IgnoreFile.Name, out var state);
        var content = ArrayPool<byte>.Shared.Rent(IgnoreFile.MaxBytes);
        try
        {
            var size = file is null ? 0 : Math.Max(0, directory.Read(file, content.AsSpan(0, (int)Math.Min(state.Size, IgnoreFile.MaxBytes)), 0));
            return size == 0 && outer is not null ? outer : new IgnoreFile(outer, directory.Path.Components.Count, content.AsSpan(0, size));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(content);
        }
    }

    private void Push(Work work)
    {
        Interlocked.Increment(ref _unfinished);
        lock (_lock)
        {
            _work.Push(work);
        }

        _waiting.Release();
    }

    /// <summary>A directory to be read on, or one in it that is to be entered.</summary>
    private sealed record Work(Walked Directory, string? Enter);

    /// <summary>A directory of the walk, open as long as somebody holds it.</summary>
    private sealed class Walked(OpenedDirectory opened, ulong places, IgnoreFile? ignored)
    {
        private int _holders = 1;

        public OpenedDirectory Opened => opened;

        public ulong Places => places;

        public IgnoreFile? Ignored => ignored;

        public Walked Hold()
        {
            Interlocked.Increment(ref _holders);
            return this;
        }

        public void Release()
        {
            if (Interlocked.Decrement(ref _holders) == 0)
            {
                opened.Dispose();
            }
        }
    }
}

/// <summary>
/// The threads that walks have in common, whoever asked for them. One walk uses as many as the machine has processors, and there are places for twice as many, first
/// come, first served: so a second caller never waits for the first, and with more, each gets his turn after a piece of work of the others.
/// </summary>
internal sealed class WalkSlots : IDisposable
{
    private readonly SemaphoreSlim _free = new(2 * Environment.ProcessorCount);

    public static int PerWalk => Environment.ProcessorCount;

    /// <summary>How many are at work.</summary>
    public int Busy => (2 * Environment.ProcessorCount) - _free.CurrentCount;

    public async ValueTask<Slot> EnterAsync(CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        return new Slot(_free);
    }

    public void Dispose() => _free.Dispose();

    /// <summary>A place that was taken; disposing gives it back.</summary>
    public readonly record struct Slot(SemaphoreSlim Free) : IDisposable
    {
        public void Dispose() => Free.Release();
    }
}
