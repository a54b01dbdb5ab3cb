using System.Buffers;

namespace McpFilesServer.Data;

/// <content>Content on its way, directories, and what there is altogether.</content>
internal sealed partial class ProjectFolder
{
    private const int CopyBlock = 128 * 1024;

    /// <summary>Adds a file's content to new content, block by block.</summary>
    /// <exception cref="ProblemException">The disk is full, or the file grew or shrank meanwhile.</exception>
    public static void CopyContent(OpenedFile from, TemporaryFile to, ProjectPath path, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBlock);
        try
        {
            for (long offset = 0; ;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var read = RandomAccess.Read(from.Handle, buffer, offset);
                offset += read;
                if (offset > from.Entry.Size || (read == 0 && offset < from.Entry.Size))
                {
                    throw new ConflictException($"{DiskFaults.Quote(ProjectPath.Parse(from.Entry.Path))} was changed while it was read; try again.");
                }

                if (read == 0)
                {
                    return;
                }

                Require(to.Append(buffer.AsSpan(0, read)), path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DiskFaults.WhenReading(DiskFaults.From(e), ProjectPath.Parse(from.Entry.Path));
        }
        finally
        {
            // It goes to whoever rents next, for another project.
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    /// <summary>The permissions of an opened file.</summary>
    public static UnixFileMode ModeOf(OpenedFile file) => OperatingSystem.IsWindows() ? NewFile : File.GetUnixFileMode(file.Handle) & (NewFile | AllExecute);

    /// <summary>How many directories there have to be made for a path.</summary>
    public int MissingDirectories(ProjectPath path)
    {
        var missing = 0;
        for (; !path.IsRoot && TryHold(path, out var held) != DiskFault.None; path = path.Parent)
        {
            held?.Dispose();
            missing++;
        }

        return missing;
    }

    /// <summary>Creates a directory and the ones around it, as far as they are not there.</summary>
    /// <exception cref="ProblemException">Something else has one of the names, or they could not be created.</exception>
    public FileEntry MakeDirectories(ProjectPath path)
    {
        RefuseWhenReadOnly();
        Require(rules.Hides(path) ? DiskFault.Denied : DiskFault.None, path);
        var held = Hold(ProjectPath.Root);
        var at = ProjectPath.Root;
        try
        {
            foreach (var name in path.Components)
            {
                at = at.Child(name)!;
                Require(OpenOrMake(held, name, out var next), at);
                held.Dispose();
                held = next!;
            }

            return FileEntry.From(path, held.State);
        }
        finally
        {
            held.Dispose();
        }
    }

    /// <summary>What there is altogether, as the disk has it now: files and directories, without temporaries.</summary>
    /// <param name="trashOnly">True to count what is in the trash and nothing else.</param>
    /// <param name="files">How many files and directories.</param>
    /// <param name="bytes">Their size together.</param>
    /// <exception cref="ProblemException">The disk does not say.</exception>
    public void Count(bool trashOnly, out long files, out long bytes)
    {
        (files, bytes) = (0, 0);
        var fault = TryHoldOwn(make: false, out var own);
        using (own)
        {
            Require(fault == DiskFault.Missing ? DiskFault.None : fault, ProjectPath.Root);
            Count(own, name => name == KeepOutOfGit || name.StartsWith(TemporaryFile.Prefix, StringComparison.Ordinal), 0, ref files, ref bytes);
        }

        if (!trashOnly)
        {
            using var root = Hold(ProjectPath.Root);
            Count(root, name => name == OwnDirectory, 0, ref files, ref bytes);
        }
    }

    private static void Count(HeldDirectory? held, Predicate<string> skip, int depth, ref long files, ref long bytes)
    {
        if (held is null || depth > MaxMovedDepth)
        {
            return;
        }

        Require(held.ReadNames(int.MaxValue, out var names), ProjectPath.Root);
        foreach (var name in names)
        {
            // What is gone by now, or is another file system, is none of the project's.
            if (skip(name) || held.Inspect(name, out var state) != DiskFault.None)
            {
                continue;
            }

            files++;
            bytes += state.Kind == FileKind.File ? state.Size : 0;
            if (state.Kind == FileKind.Directory && held.OpenDirectory(name, out var inner) == DiskFault.None)
            {
                using (inner)
                {
                    Count(inner, _ => false, depth + 1, ref files, ref bytes);
                }
            }
        }
    }

    private static DiskFault OpenOrMake(HeldDirectory held, string name, out HeldDirectory? next)
    {
        if (held.OpenDirectory(name, out next) == DiskFault.None)
        {
            return DiskFault.None;
        }

        var fault = held.CreateDirectory(name, NewFile | AllExecute);
        if (fault is not (DiskFault.None or DiskFault.Exists))
        {
            return fault;
        }

        fault = fault == DiskFault.None ? held.Flush() : fault;
        return held.OpenDirectory(name, out next) == DiskFault.None ? DiskFault.None : fault == DiskFault.None ? DiskFault.Missing : fault;
    }
}
