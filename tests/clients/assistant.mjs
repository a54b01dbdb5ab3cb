// An assistant made with an official TypeScript client: it signs in, keeps its tokens, calls what it is told to, and says yes when it is asked.
// node assistant.mjs URL REDIRECT_URI CLIENT; CLIENT is v2, v2-older or v1. One JSON object a line: it is told { call, arguments }, or { callback } when the
// browser has come back, and says { client }, { open }, { asked } and in the end { result } or { error }.
import { createInterface } from 'node:readline';

const [url, redirectUrl, which] = process.argv.slice(2);
const sdk = which === 'v1'
  ? { ...await import('@modelcontextprotocol/sdk/client/index.js'), ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js'), ...await import('@modelcontextprotocol/sdk/client/auth.js'), ...await import('@modelcontextprotocol/sdk/types.js') }
  : await import('@modelcontextprotocol/client');
const say = line => console.log(JSON.stringify(line));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hear = async () => {
  const { value, done } = await lines.next();
  return done ? process.exit(0) : JSON.parse(value);
};

const kept = {};
const authProvider = {
  redirectUrl,
  clientMetadata: { client_name: `An assistant (TypeScript, ${which})`, redirect_uris: [redirectUrl], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' },
  clientInformation: () => kept.client,
  saveClientInformation(client) {
    kept.client = client;
    say({ client: client.client_id });
  },
  tokens: () => kept.tokens,
  saveTokens: tokens => { kept.tokens = tokens; },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: verifier => { kept.verifier = verifier; },
  redirectToAuthorization: page => say({ open: page.href }),
  invalidateCredentials(what) {
    if (what === 'all' || what === 'tokens') delete kept.tokens;
  },
};

let client, transport;
const answer = request => {
  say({ asked: request.params.message });
  return { action: 'accept', content: { confirm: true } };
};
const connect = async () => {
  const capabilities = { elicitation: {} };
  client = new sdk.Client({ name: 'assistant', version: '1' }, which === 'v1' ? { capabilities } : { capabilities, versionNegotiation: { mode: which === 'v2' ? { pin: '2026-07-28' } : 'legacy' } });
  client.setRequestHandler(which === 'v1' ? sdk.ElicitRequestSchema : 'elicitation/create', answer);
  transport = new sdk.StreamableHTTPClientTransport(new URL(url), { authProvider });
  await client.connect(transport);
};

/** Does it again when the person has signed in. */
const signedIn = async act => {
  while (true) {
    try {
      return await act();
    } catch (e) {
      if (!(e instanceof sdk.UnauthorizedError)) throw e;
      const back = new URL((await hear()).callback).searchParams;
      if (back.has('error')) throw new Error(back.get('error'));
      await transport.finishAuth(which === 'v1' ? back.get('code') : back);
    }
  }
};

let connected = false;
while (true) {
  const { call, arguments: args } = await hear();
  try {
    if (!connected) await signedIn(connect);
    connected = true;
    say({ result: await signedIn(() => client.callTool({ name: call, arguments: args })) });
  } catch (e) {
    say({ error: `${e.name}: ${e.message}` });
  }
}
