using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;

namespace McpFilesServer.Front;

/// <summary>HTML as an interpolated string: what is written is markup, what is put in is text and gets encoded, always. Forgetting it is not possible.</summary>
[InterpolatedStringHandler]
internal readonly struct Html(int literalLength, int formattedCount)
{
    private readonly StringBuilder _text = new(literalLength + (formattedCount * 16));

    public void AppendLiteral(string markup) => _text.Append(markup);

    public void AppendFormatted(string? text) => _text.Append(HtmlEncoder.Default.Encode(text ?? ""));

    public void AppendFormatted(Html markup) => _text.Append(markup._text);

    public void AppendFormatted(IEnumerable<Html> parts)
    {
        foreach (var part in parts)
        {
            AppendFormatted(part);
        }
    }

    public override string ToString() => _text.ToString();
}
