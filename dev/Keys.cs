using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace McpFilesServer.Dev;

/// <summary>The provider's keys and secrets. Made at the first start and kept in files that only their owner can read, so that tokens survive a restart.</summary>
internal sealed class Keys
{
    private Keys(string directory)
    {
        // RSA-2048: a larger key takes seconds to make and adds nothing to tokens that live five minutes.
        using var rsa = RSA.Create();
        rsa.ImportFromPem(ReadOrCreate(directory, "signing.key", NewSigningKey));
        Signing = new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: true));
        Signing.KeyId = Base64UrlEncoder.Encode(Signing.ComputeJwkThumbprint());

        Encryption = new SymmetricSecurityKey(Base64UrlEncoder.DecodeBytes(ReadOrCreate(directory, "encryption.key", NewSecret)));
        ServerSecret = ReadOrCreate(directory, "server.secret", NewSecret);
        CommandSecret = ReadOrCreate(directory, "dev-cli.secret", NewSecret);
    }

    /// <summary>Signs every token.</summary>
    public RsaSecurityKey Signing { get; }

    /// <summary>Encrypts authorization codes and refresh tokens, which only this provider reads.</summary>
    public SymmetricSecurityKey Encryption { get; }

    /// <summary>What the server proves itself with at the token endpoint.</summary>
    public string ServerSecret { get; }

    /// <summary>What the <c>token</c> command proves itself with: whoever can read this file may have a token of any user of this provider.</summary>
    public string CommandSecret { get; }

    public static Keys OpenOrCreate(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
        }
        else
        {
            // The folder above too, when it is made here: the mode is that of the last one only.
            const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            Directory.CreateDirectory(Path.GetDirectoryName(directory)!, OwnerOnly);
            Directory.CreateDirectory(directory, OwnerOnly);
        }

        return new Keys(directory);
    }

    private static string ReadOrCreate(string directory, string name, Func<string> create)
    {
        var path = Path.Combine(directory, name);

        if (!File.Exists(path))
        {
            // Written aside and moved into place, so that nobody reads half a key.
            var aside = $"{path}.{Guid.NewGuid():N}";
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };

            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using (var writer = new StreamWriter(aside, options))
            {
                writer.Write(create());
            }

            File.Move(aside, path, overwrite: false);
        }

        return File.ReadAllText(path).Trim();
    }

    private static string NewSigningKey()
    {
        using var rsa = RSA.Create(2048);

        return rsa.ExportPkcs8PrivateKeyPem();
    }

    private static string NewSecret() => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
}
