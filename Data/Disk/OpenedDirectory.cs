using System.Text;
using System.Text.Unicode;
using Microsoft.Win32.SafeHandles;

namespace McpFilesServer.Data;

/// <summary>
/// A directory of a project, held open for reading, with the rules of its project: what a caller may not see is not here. From it, and from nothing
/// else, one gets to what is in it; a directory that is moved or replaced meanwhile leads nowhere else.
/// </summary>
internal sealed class OpenedDirectory(HeldDirectory held, ProjectPath path, FolderRules rules) : IDisposable
{
    private readonly int _bytesBefore = path.IsRoot ? 0 : Encoding.UTF8.GetByteCount(path.Text) + 1;
    private readonly int _depth = path.Components.Count;

    public ProjectPath Path => path;

    /// <summary>The next names, all that the disk has; <see cref="Shows"/> tells which exist. False when there are no more.</summary>
    /// <exception cref="ProblemException">The directory cannot be read.</exception>
    public bool ReadSome(NameBuffer names)
    {
        var fault = held.ReadSome(names);
        return fault == DiskFault.None ? names.Count > 0 : throw DiskFaults.WhenReading(fault, path);
    }

    /// <summary>Whether a caller may know of a name that was read here.</summary>
    public bool Shows(NameBuffer names, int index)
    {
        var name = names[index];
        if (names.KindOf(index) == FileKind.Other)
        {
            return false;
        }

        if (rules.Hidden.Count > 0 || !NameRules.IsPlain(name))
        {
            return Utf8.IsValid(name) && path.Child(names.TextOf(index)) is { } child && !rules.Hides(child);
        }

        return _bytesBefore + name.Length <= ProjectPath.MaxBytes && _depth < ProjectPath.MaxDepth && !(rules.Ignore.Count > 0 && rules.Ignores(names.TextOf(index)));
    }

    /// <summary>
    /// The first names in order, with memory for no more than these. It reads the directory to its end, and looks at nothing but names: what they stand for
    /// is to be asked. To be called once, on a directory of which nothing was read.
    /// </summary>
    /// <param name="after">Only names after this one; null for all.</param>
    /// <param name="room">How many at most.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <param name="prefix">Only names that begin so.</param>
    /// <returns>The names, and whether there may be more after the last.</returns>
    public (IReadOnlyList<string> Names, bool More) Smallest(string? after, int room, CancellationToken cancellationToken, string prefix = "")
    {
        var mark = after is null ? [] : Encoding.UTF8.GetBytes(after);
        var start = Encoding.UTF8.GetBytes(prefix);
        var chosen = new PriorityQueue<byte[], byte[]>(Comparer<byte[]>.Create((a, b) => b.AsSpan().SequenceCompareTo(a)));
        var more = false;
        using var names = new NameBuffer();
        while (ReadSome(names))
        {
            cancellationToken.ThrowIfCancellationRequested();
            for (var i = 0; i < names.Count; i++)
            {
                var name = names[i];
                var full = chosen.Count == room;
                if (!name.StartsWith(start))
                {
                    continue;
                }

                if (name.SequenceCompareTo(mark) <= 0 || (full && name.SequenceCompareTo(chosen.Peek()) >= 0))
                {
                    more |= full && name.SequenceCompareTo(mark) > 0;
                    continue;
                }

                if (!Shows(names, i))
                {
                    continue;
                }

                more |= full;
                var copy = name.ToArray();
                _ = full ? chosen.DequeueEnqueue(copy, copy) : Enqueue(chosen, copy);
            }
        }

        var sorted = new string[chosen.Count];
        for (var i = sorted.Length - 1; i >= 0; i--)
        {
            sorted[i] = Encoding.UTF8.GetString(chosen.Dequeue());
        }

        return (sorted, more);
    }

    private static byte[] Enqueue(PriorityQueue<byte[], byte[]> queue, byte[] name)
    {
        queue.Enqueue(name, name);
        return name;
    }

    /// <summary>What has a name that <see cref="Shows"/> shows; null when there is nothing that may be seen.</summary>
    public FileEntry? Describe(string name) =>
        held.Inspect(name, out var state) == DiskFault.None && IsVisible(state, rules) && path.Child(name) is { } child ? FileEntry.From(child, state) : null;

    /// <summary>Whether a name stands for a directory, where the listing of names did not say so.</summary>
    public FileKind KindOf(string name) => held.Inspect(name, out var state) == DiskFault.None ? state.Kind : FileKind.Other;

    /// <summary>The directory that has this name here; null when there is none that may be seen.</summary>
    public OpenedDirectory? Enter(string name)
    {
        if (path.Child(name) is not { } child || held.OpenDirectory(name, out var below) != DiskFault.None || below is null)
        {
            return null;
        }

        return new OpenedDirectory(below, child, rules);
    }

    /// <summary>Opens a file of this directory for <see cref="Read"/>; null when there is none that may be seen.</summary>
    public SafeFileHandle? OpenFile(string name, out FileState state)
    {
        if (held.OpenFile(name, out var handle, out state) == DiskFault.None && state.Kind == FileKind.File && IsVisible(state, rules))
        {
            return handle;
        }

        handle?.Dispose();
        return null;
    }

    /// <summary>Reads at a place in a file that was opened here. The answer is how many bytes; 0 at its end, less when it cannot be read.</summary>
    public int Read(SafeFileHandle handle, Span<byte> buffer, long offset) => held.Read(handle, buffer, offset);

    public void Dispose() => held.Dispose();

    /// <summary>Whether what the disk has may be seen. A file with a second name elsewhere may be somebody else's; a directory always has several links.</summary>
    public static bool IsVisible(FileState state, FolderRules rules) =>
        state.Kind == FileKind.Directory || (state.Kind == FileKind.File && (state.Links <= 1 || rules.HardLinks != HardLinks.Hidden));
}
