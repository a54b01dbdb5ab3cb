using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using McpFilesServer.Tests.Host;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace McpFilesServer.Tests.Attacks;

/// <summary>Block A, as far as it is about what a token says and who signed it. Every row is the same <c>U401(invalid_token)</c>.</summary>
public sealed class TokenAttacks(Target target)
{
    private static long Now => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    private Tokens Tokens => target.Tokens;

    [Fact]
    public async Task The_token_that_all_of_these_are_made_from_is_a_good_one()
    {
        foreach (var token in (string[])[Tokens.Forge(), target.ForgeText(text => text)])
        {
            var reply = await target.SendAsync(Target.Call("probe_read"), $"Bearer {token}");

            Assert.Equal(HttpStatusCode.OK, reply.Status);
            Assert.Equal(["probe_read"], target.Probes.Of(reply.Trace));
            target.Recorded(reply.Trace, "allow", "scopes_held");
        }
    }

    [Fact]
    [Trait("Attack", "A06")]
    public async Task A_signature_with_one_bit_flipped_does_not_hold()
    {
        var parts = Tokens.Forge().Split('.');
        var signature = Base64UrlEncoder.DecodeBytes(parts[2]);
        foreach (var at in (int[])[0, 100, signature.Length - 1])
        {
            signature[at] ^= 1;
            await RefusesAsync($"{parts[0]}.{parts[1]}.{Base64UrlEncoder.Encode(signature)}");
            signature[at] ^= 1;
        }

        await RefusesAsync($"{parts[0]}.{parts[1]}.{Base64UrlEncoder.Encode(signature[..^1])}");
        await RefusesAsync($"{parts[0]}.{parts[1]}.{Base64UrlEncoder.Encode([.. signature, 0])}");
        await RefusesAsync($"{parts[0]}.{parts[1]}.{Base64UrlEncoder.Encode(new byte[signature.Length])}");
    }

    [Theory]
    [Trait("Attack", "A06")]
    [InlineData("sub", "\"admin\"")]
    [InlineData("scope", "\"files:read files:write files:delete\"")]
    [InlineData("exp", "4102444800")]
    [InlineData("client_id", "\"trusted\"")]
    public async Task A_payload_that_was_edited_is_no_longer_signed(string claim, string value)
    {
        var parts = Tokens.Forge().Split('.');
        var payload = JsonNode.Parse(Base64UrlEncoder.Decode(parts[1]))!.AsObject();
        payload[claim] = JsonNode.Parse(value);

        await RefusesAsync($"{parts[0]}.{Base64UrlEncoder.Encode(payload.ToJsonString())}.{parts[2]}");
    }

    [Fact]
    [Trait("Attack", "A06")]
    public async Task The_signature_of_another_token_does_not_fit()
    {
        var (one, other) = (Tokens.Forge().Split('.'), Tokens.Forge().Split('.'));

        await RefusesAsync($"{one[0]}.{one[1]}.{other[2]}");
        await RefusesAsync($"{one[0]}.{other[1]}.{one[2]}");
    }

    [Fact]
    [Trait("Attack", "A07")]
    public async Task An_attackers_key_under_the_issuers_key_id_does_not_count()
    {
        using var key = RSA.Create(2048);

        await RefusesAsync(Tokens.Forge(key: key));
        await RefusesAsync(Tokens.Forge(header: header => header["kid"] = "attacker", key: key));
        await RefusesAsync(Tokens.Forge(header: header => header.Remove("kid"), key: key));
    }

    [Theory]
    [Trait("Attack", "own: kid tricks")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("[\"a\"]")]
    [InlineData("\"../../../../dev/null\"")]
    [InlineData("\"' or 1=1 --\"")]
    [InlineData("\"http://127.0.0.1:1/key\"")]
    public async Task A_key_id_that_the_issuer_does_not_have_finds_no_key(string kid)
    {
        using var key = RSA.Create(2048);

        await RefusesAsync(Tokens.Forge(header: header => header["kid"] = JsonNode.Parse(kid), key: key));
    }

    [Theory]
    [Trait("Attack", "own: ID-04, no algorithm")]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("nOnE")]
    [InlineData("NONE")]
    [InlineData("")]
    [InlineData("rs256")]
    [InlineData("RS256 ")]
    [InlineData("RS1")]
    [InlineData("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")]
    public async Task An_algorithm_that_is_not_on_the_list_is_none(string algorithm)
    {
        var signed = Tokens.Forge(header: header => header["alg"] = algorithm);
        var parts = signed.Split('.');

        await RefusesAsync(signed);
        await RefusesAsync($"{parts[0]}.{parts[1]}.");
        await RefusesAsync($"{parts[0]}.{parts[1]}.AA");
    }

    [Theory]
    [Trait("Attack", "own: algorithm of another type")]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("true")]
    [InlineData("[\"RS256\"]")]
    [InlineData("{\"RS256\":1}")]
    public async Task An_algorithm_that_is_no_text_is_none(string algorithm) =>
        await RefusesAsync(Tokens.Forge(header: header => header["alg"] = JsonNode.Parse(algorithm)));

    [Fact]
    [Trait("Attack", "own: ID-04, key confusion")]
    public async Task The_public_key_is_no_shared_secret()
    {
        using var key = Tokens.Key();
        var modulus = key.ExportParameters(false).Modulus!;
        byte[][] secrets =
        [
            Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem()), Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem() + "\n"),
            Encoding.ASCII.GetBytes(key.ExportRSAPublicKeyPem()), key.ExportSubjectPublicKeyInfo(), key.ExportRSAPublicKey(), modulus,
            Encoding.ASCII.GetBytes(Base64UrlEncoder.Encode(modulus)), Encoding.ASCII.GetBytes(await target.Server.Http.GetStringAsync(new Uri(target.Server.Provider, "jwks"))),
        ];
        var unsigned = Tokens.Forge(header: header => header["alg"] = "HS256").Split('.');
        var signed = Encoding.ASCII.GetBytes($"{unsigned[0]}.{unsigned[1]}");

        foreach (var secret in secrets)
        {
            await RefusesAsync($"{unsigned[0]}.{unsigned[1]}.{Base64UrlEncoder.Encode(HMACSHA256.HashData(secret, signed))}");
        }
    }

    [Theory]
    [Trait("Attack", "own: psychic signatures")]
    [InlineData("ES256", 64)]
    [InlineData("ES384", 96)]
    [InlineData("ES512", 132)]
    public async Task A_signature_of_zeros_with_an_elliptic_curve_is_none(string algorithm, int length)
    {
        var parts = Tokens.Forge(header: header => header["alg"] = algorithm).Split('.');

        await RefusesAsync($"{parts[0]}.{parts[1]}.{Base64UrlEncoder.Encode(new byte[length])}");
    }

    [Fact]
    [Trait("Attack", "own: ID-11, keys that a token brings along")]
    public async Task A_key_or_an_address_in_the_header_is_neither_used_nor_fetched()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/keys";
        using var key = RSA.Create(2048);
        var jwk = JsonNode.Parse($$"""{"kty":"RSA","kid":"mine","alg":"RS256","n":"{{Base64UrlEncoder.Encode(key.ExportParameters(false).Modulus)}}","e":"AQAB"}""");
        Action<JsonObject>[] headers =
        [
            header => (header["jwk"], header["kid"]) = (jwk!.DeepClone(), "mine"),
            header => header["jwk"] = jwk!.DeepClone(),
            header => header["jku"] = address,
            header => (header["jku"], header["kid"]) = (address, "mine"),
            header => header["x5u"] = address,
            header => (header["x5u"], header["kid"], header["x5t"]) = (address, "mine", "AAAA"),
            header => header["x5c"] = new JsonArray(Convert.ToBase64String(key.ExportSubjectPublicKeyInfo())),
            header => header["kid"] = address,
            header => header["iss"] = address,
        ];

        foreach (var header in headers)
        {
            await RefusesAsync(Tokens.Forge(header: header, key: key));
        }

        await RefusesAsync(Tokens.Forge(claims => claims["iss"] = address, key: key));
        Assert.False(listener.Pending());
    }

    [Theory]
    [Trait("Attack", "own: ID-11, header extensions")]
    [InlineData("crit", "[\"exp\"]")]
    [InlineData("crit", "[]")]
    [InlineData("crit", "null")]
    [InlineData("zip", "\"DEF\"")]
    [InlineData("b64", "false")]
    [InlineData("enc", "\"A256GCM\"")]
    public async Task A_header_that_changes_how_the_token_is_read_is_refused(string name, string value) =>
        await RefusesAsync(Tokens.Forge(header: header => header[name] = JsonNode.Parse(value)));

    [Theory]
    [Trait("Attack", "A10")]
    [InlineData(-331, -31)]
    [InlineData(-3900, -3600)]
    public async Task A_token_that_has_expired_is_over(int issued, int expires) =>
        await RefusesAsync(Tokens.Forge(claims => (claims["iat"], claims["exp"]) = (Now + issued, Now + expires)));

    [Theory]
    [Trait("Attack", "A10")]
    [InlineData("\"9999999999\"")]
    [InlineData("1e400")]
    [InlineData("-1e400")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("-0.0")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("[9999999999]")]
    [InlineData("{}")]
    [InlineData("9999999999")]
    [InlineData("9999999999999")]
    [InlineData("1e12")]
    [InlineData("9223372036854775808")]
    [InlineData("253402300799.999")]
    public async Task An_expiry_that_is_no_near_time_is_none(string exp)
    {
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "exp", exp)));
        await RefusesAsync(Tokens.Forge(claims => claims.Remove("exp")));
    }

    [Theory]
    [Trait("Attack", "A11")]
    [InlineData("nbf", 3600)]
    [InlineData("nbf", 45)]
    [InlineData("iat", 3600)]
    [InlineData("iat", 45)]
    public async Task A_token_of_the_future_does_not_hold_yet(string claim, int seconds) =>
        await RefusesAsync(Tokens.Forge(claims => (claims["exp"], claims[claim]) = (Now + seconds + 60, Now + seconds)));

    [Theory]
    [Trait("Attack", "A11")]
    [InlineData("iat", "null")]
    [InlineData("iat", "\"now\"")]
    [InlineData("iat", "1e400")]
    [InlineData("iat", "-1")]
    [InlineData("iat", "0")]
    [InlineData("iat", "[]")]
    [InlineData("nbf", "\"0\"")]
    [InlineData("nbf", "null")]
    [InlineData("nbf", "1e400")]
    [InlineData("nbf", "{}")]
    public async Task A_time_that_is_no_number_is_none(string claim, string value)
    {
        await RefusesAsync(target.ForgeText(payload => Edit(payload, claim, value)));
        await RefusesAsync(Tokens.Forge(claims => claims.Remove("iat")));
    }

    [Theory]
    [Trait("Attack", "own: ID-08, lifetime")]
    [InlineData(0, 301)]
    [InlineData(0, 86400)]
    [InlineData(-3600, 60)]
    [InlineData(-301, 0)]
    public async Task A_token_that_lives_longer_than_five_minutes_is_refused_even_at_its_end(int issued, int expires) =>
        await RefusesAsync(Tokens.Forge(claims => (claims["iat"], claims["exp"]) = (Now + issued, Now + expires)));

    [Theory]
    [Trait("Attack", "A13")]
    [InlineData("\"https://graph.microsoft.com\"")]
    [InlineData("\"https://other.example/mcp\"")]
    [InlineData("\"{issuer}\"")]
    [InlineData("\"c1\"")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"\"")]
    [InlineData("{\"0\":\"{resource}\"}")]
    [InlineData("[[\"{resource}\"]]")]
    [InlineData("5")]
    [InlineData("true")]
    [InlineData("[\"https://graph.microsoft.com\",\"c1\"]")]
    [InlineData("\"https://graph.microsoft.com {resource}\"")]
    [InlineData("\"https://graph.microsoft.com,{resource}\"")]
    [InlineData("\"*\"")]
    public async Task A_token_for_somebody_else_is_not_taken(string audience)
    {
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "aud", Fill(audience))));
        await RefusesAsync(Tokens.Forge(claims => claims.Remove("aud")));
    }

    [Theory]
    [Trait("Attack", "own: audiences that are no texts")]
    [InlineData("[5,\"{resource}\"]")]
    [InlineData("[\"{resource}\",null]")]
    [InlineData("[\"{resource}\",{}]")]
    [InlineData("[\"{resource}\",[\"{resource}\"]]")]
    [InlineData("[true,\"{resource}\"]")]
    public async Task A_list_of_audiences_has_nothing_but_texts(string audience) =>
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "aud", Fill(audience))));

    [Theory]
    [Trait("Attack", "A14")]
    [InlineData("{resource}/")]
    [InlineData("{resource}?x")]
    [InlineData("{resource}#f")]
    [InlineData("{RESOURCE}")]
    [InlineData("{authority}")]
    [InlineData("{authority}/")]
    [InlineData("{resource}2")]
    [InlineData("{resource}/..")]
    [InlineData("{authority}/MCP")]
    [InlineData("{authority}/./mcp")]
    [InlineData("{authority}//mcp")]
    [InlineData("{authority}/%6dcp")]
    [InlineData(" {resource}")]
    [InlineData("{resource} ")]
    [InlineData("{resource}\\u0000")]
    [InlineData("{resource}\\u200b")]
    [InlineData("{authority}/m\\u0441p")]
    [InlineData("{authority}.evil.test/mcp")]
    public async Task An_audience_that_only_looks_like_ours_is_not_ours(string audience)
    {
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "aud", $"\"{Fill(audience)}\"")));
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "aud", $"[\"x\",\"{Fill(audience)}\"]")));
    }

    [Fact]
    [Trait("Attack", "A14")]
    public async Task One_of_several_audiences_may_be_ours()
    {
        var reply = await target.SendAsync(Target.Call("probe_read"), $"Bearer {target.ForgeText(payload => Edit(payload, "aud", Fill("[\"x\",\"{resource}\"]")))}");

        Assert.Equal(HttpStatusCode.OK, reply.Status);
    }

    [Theory]
    [Trait("Attack", "A16")]
    [InlineData("c1")]
    [InlineData("{resource}")]
    public async Task An_ID_token_says_who_somebody_is_and_opens_nothing(string audience) =>
        await RefusesAsync(Tokens.Forge(
            claims => (claims["nonce"], claims["aud"], claims["auth_time"]) = ("n-0S6", Fill(audience), Now), header => header["typ"] = "JWT"));

    [Theory]
    [Trait("Attack", "A17")]
    [InlineData("\"logout+jwt\"")]
    [InlineData("\"dpop+jwt\"")]
    [InlineData("\"oauth-id-jag+jwt\"")]
    [InlineData("\"client-authentication+jwt\"")]
    [InlineData("\"JWT\"")]
    [InlineData("\"oauth-authz-req+jwt\"")]
    [InlineData("\"token-introspection+jwt\"")]
    [InlineData("\"secevent+jwt\"")]
    [InlineData("\"at+jwt \"")]
    [InlineData("\"at jwt\"")]
    [InlineData("\"xat+jwt\"")]
    [InlineData("\"application/JWT\"")]
    [InlineData("\"text/at+jwt\"")]
    [InlineData("\"application/application/at+jwt\"")]
    [InlineData("\"at+jwt;x=1\"")]
    [InlineData("\"\"")]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("[\"at+jwt\"]")]
    public async Task A_token_of_another_type_is_no_access_token(string type)
    {
        await RefusesAsync(Tokens.Forge(header: header => header["typ"] = JsonNode.Parse(type)));
        await RefusesAsync(Tokens.Forge(header: header => header.Remove("typ")));
    }

    [Fact]
    [Trait("Attack", "A17")]
    public async Task What_other_flows_sign_is_no_access_token_even_with_its_whole_body()
    {
        await RefusesAsync(Tokens.Forge(
            claims => claims["events"] = new JsonObject { ["http://schemas.openid.net/event/backchannel-logout"] = new JsonObject() }, header => header["typ"] = "logout+jwt"));
        await RefusesAsync(Tokens.Forge(claims => (claims["htm"], claims["htu"]) = ("POST", target.Server.Resource), header => header["typ"] = "dpop+jwt"));
        await RefusesAsync(Tokens.Forge(claims => (claims["iss"], claims["sub"]) = ("c1", "c1"), header => header["typ"] = "client-authentication+jwt"));
    }

    [Theory]
    [Trait("Attack", "A20")]
    [InlineData("\"scope\":", "\"scope\":\"files:write\",\"scope\":")]
    [InlineData("\"sub\":", "\"sub\":\"admin\",\"sub\":")]
    [InlineData("\"sub\":", "\"\\u0073ub\":\"admin\",\"sub\":")]
    [InlineData("\"aud\":", "\"aud\":\"x\",\"aud\":")]
    [InlineData("\"iss\":", "\"iss\":\"x\",\"iss\":")]
    [InlineData("\"exp\":", "\"exp\":1,\"exp\":")]
    [InlineData("\"jti\":", "\"act\":{\"sub\":\"a\",\"sub\":\"b\"},\"jti\":")]
    public async Task A_claim_that_stands_there_twice_makes_the_token_void(string claim, string twice) =>
        await RefusesAsync(target.ForgeText(payload => payload.Replace(claim, twice, StringComparison.Ordinal)));

    [Theory]
    [Trait("Attack", "A20")]
    [InlineData("{\"alg\":\"none\",")]
    [InlineData("{\"typ\":\"JWT\",")]
    [InlineData("{\"kid\":\"x\",")]
    public async Task A_header_member_that_stands_there_twice_makes_the_token_void(string first) =>
        await RefusesAsync(target.ForgeText(payload => payload, header => first + header[1..]));

    [Theory]
    [Trait("Attack", "own: ID-10, claims of another type")]
    [InlineData("sub", "null")]
    [InlineData("sub", "\"\"")]
    [InlineData("sub", "5")]
    [InlineData("sub", "[\"7c1f2a70-3c1e-4f0a-9d55-0b6d1e2a4c01\"]")]
    [InlineData("sub", "{}")]
    [InlineData("jti", "null")]
    [InlineData("jti", "5")]
    [InlineData("jti", "\"\"")]
    [InlineData("jti", "[]")]
    [InlineData("client_id", "null")]
    [InlineData("client_id", "\"\"")]
    [InlineData("client_id", "[\"c1\"]")]
    [InlineData("client_id", "true")]
    [InlineData("iss", "null")]
    [InlineData("iss", "5")]
    [InlineData("scope", "null")]
    [InlineData("scope", "5")]
    [InlineData("scope", "true")]
    [InlineData("scope", "[\"files:read\"]")]
    [InlineData("scope", "{\"files:read\":true}")]
    [InlineData("sub", "\"\\ud800\"")]
    public async Task A_claim_that_is_missing_or_no_text_makes_the_token_void(string claim, string value) =>
        await RefusesAsync(target.ForgeText(payload => Edit(payload, claim, value)));

    [Theory]
    [Trait("Attack", "own: a subject of a megabyte, nearly")]
    [InlineData("sub")]
    [InlineData("jti")]
    [InlineData("client_id")]
    public async Task A_name_of_more_than_512_characters_is_none(string claim) =>
        await RefusesAsync(Tokens.Forge(claims => claims[claim] = new string('a', 513)));

    [Theory]
    [Trait("Attack", "own: ID-05, issuers that look alike")]
    [InlineData("{issuer}x")]
    [InlineData("{issuer}/")]
    [InlineData("{issuer}.")]
    [InlineData(" {issuer}")]
    [InlineData("{issuer}\\u0000")]
    [InlineData("{issuer}\\u200d")]
    [InlineData("{ISSUER}")]
    [InlineData("{https}")]
    [InlineData("{noslash}")]
    [InlineData("http://l\\u043ecalhost:{port}/")]
    [InlineData("http://\\uff4cocalhost:{port}/")]
    [InlineData("http://127.0.0.1:{port}/")]
    [InlineData("http://[::1]:{port}/")]
    [InlineData("http://localhost:0{port}/")]
    [InlineData("http://localhost.:{port}/")]
    [InlineData("http://x@localhost:{port}/")]
    [InlineData("http://localhost:{port}@127.0.0.1/")]
    [InlineData("http:\\\\\\\\localhost:{port}/")]
    [InlineData("")]
    public async Task An_issuer_that_only_looks_like_ours_is_a_stranger(string issuer) =>
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "iss", $"\"{Fill(issuer)}\"")));

    [Theory]
    [Trait("Attack", "own: ID-05, issuers that are no text")]
    [InlineData("[\"{issuer}\"]")]
    [InlineData("[\"{issuer}\",\"x\"]")]
    [InlineData("{\"0\":\"{issuer}\"}")]
    [InlineData("true")]
    public async Task An_issuer_is_one_text(string issuer) => await RefusesAsync(target.ForgeText(payload => Edit(payload, "iss", Fill(issuer))));

    [Theory]
    [Trait("Attack", "own: ID-13, sender-constrained")]
    [InlineData("{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}")]
    [InlineData("{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2\"}")]
    [InlineData("{}")]
    [InlineData("null")]
    public async Task A_token_that_belongs_to_a_key_is_stolen_when_it_comes_without(string confirmation) =>
        await RefusesAsync(Tokens.Forge(claims => claims["cnf"] = JsonNode.Parse(confirmation)));

    [Fact]
    [Trait("Attack", "own: tokens within tokens")]
    public async Task A_token_in_a_token_and_an_encrypted_one_are_not_opened()
    {
        var good = Tokens.Forge();
        using var key = Tokens.Key();
        var header = Base64UrlEncoder.Decode(good.Split('.')[0]);

        await RefusesAsync(Tokens.Sign(header[..^1] + ",\"cty\":\"JWT\"}", good, key));
        await RefusesAsync(Tokens.Sign(header, good, key));
        await RefusesAsync(Tokens.Sign(header, $"\"{good}\"", key));
        var encrypted = Base64UrlEncoder.Encode("""{"alg":"dir","enc":"A128CBC-HS256","typ":"at+jwt","cty":"JWT"}""");
        await RefusesAsync($"{encrypted}..AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA");
        encrypted = Base64UrlEncoder.Encode("""{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF","typ":"at+jwt"}""");
        await RefusesAsync($"{encrypted}.{Base64UrlEncoder.Encode(new byte[256])}.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA");
        await RefusesAsync($$"""{"payload":"{{good.Split('.')[1]}}","protected":"{{good.Split('.')[0]}}","signature":"{{good.Split('.')[2]}}"}""");
    }

    [Theory]
    [Trait("Attack", "own: parts too many or too few")]
    [InlineData("{h}.{p}")]
    [InlineData("{h}.{p}.")]
    [InlineData("{h}..{s}")]
    [InlineData(".{p}.{s}")]
    [InlineData("{h}.{p}.{s}.")]
    [InlineData(".{h}.{p}.{s}")]
    [InlineData("{h}.{p}.{s}.{s}")]
    [InlineData("{h}.{p}.{s}.{s}.{s}.{s}")]
    [InlineData("{p}.{h}.{s}")]
    [InlineData("{h} .{p}.{s}")]
    [InlineData("{h}.{p}.{s}=")]
    [InlineData("{h}.{p}=.{s}")]
    [InlineData("{h}.{p}.+/{s}")]
    [InlineData("{h}.{p}.{s}%00")]
    [InlineData("{h}%2e{p}%2e{s}")]
    [InlineData("........................................")]
    public async Task A_token_has_three_parts_in_their_order(string form)
    {
        var parts = Tokens.Forge().Split('.');

        await RefusesAsync(form.Replace("{h}", parts[0], StringComparison.Ordinal).Replace("{p}", parts[1], StringComparison.Ordinal).Replace("{s}", parts[2], StringComparison.Ordinal));
    }

    [Theory]
    [Trait("Attack", "own: payloads that are no claims")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("5")]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{good} {}")]
    [InlineData("{good},")]
    [InlineData("/**/{good}")]
    [InlineData("[{good}]")]
    [InlineData("\ufeff{good}")]
    public async Task A_payload_is_one_object_and_nothing_beside_it(string payload) =>
        await RefusesAsync(target.ForgeText(good => payload.Replace("{good}", good, StringComparison.Ordinal)));

    [Fact]
    [Trait("Attack", "own: a payload that is no UTF-8, too deep, too long")]
    public async Task A_token_that_is_deep_or_huge_or_no_text_is_refused_quickly()
    {
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "act", string.Concat(Enumerable.Repeat("{\"act\":", 60)) + "1" + new string('}', 60))));
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "act", new string('[', 5000) + new string(']', 5000))));
        await RefusesAsync(target.ForgeText(payload => Edit(payload, "filler", $"\"{new string('x', 16_000)}\"")));

        var parts = Tokens.Forge().Split('.');
        using var key = Tokens.Key();
        var payload = Base64UrlEncoder.DecodeBytes(parts[1]);
        payload[Encoding.UTF8.GetString(payload).IndexOf("c1\"", StringComparison.Ordinal)] = 0xC0;
        var signed = $"{parts[0]}.{Base64UrlEncoder.Encode(payload)}";
        await RefusesAsync($"{signed}.{Base64UrlEncoder.Encode(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}");
    }

    private static string Edit(string payload, string claim, string value)
    {
        var claims = JsonNode.Parse(payload)!.AsObject();
        claims.Remove(claim);
        return $"{claims.ToJsonString()[..^1]},\"{claim}\":{value}}}";
    }

    private string Fill(string text)
    {
        var issuer = target.Server.Provider.AbsoluteUri;
        return text
            .Replace("{resource}", target.Server.Resource, StringComparison.Ordinal)
            .Replace("{RESOURCE}", target.Server.Resource.Replace("localhost", "LOCALHOST", StringComparison.Ordinal), StringComparison.Ordinal)
            .Replace("{authority}", target.Server.Url.AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal)
            .Replace("{issuer}", issuer, StringComparison.Ordinal)
            .Replace("{ISSUER}", issuer.ToUpperInvariant(), StringComparison.Ordinal)
            .Replace("{https}", issuer.Replace("http:", "https:", StringComparison.Ordinal), StringComparison.Ordinal)
            .Replace("{noslash}", issuer.TrimEnd('/'), StringComparison.Ordinal)
            .Replace("{port}", $"{target.Server.Provider.Port}", StringComparison.Ordinal);
    }

    private Task<Reply> RefusesAsync(string token) => target.RefusesAsync(Expected.BadToken, Target.Call("probe_read"), token);
}
