// Calls a tool that asks first, with an official TypeScript client, and answers as it is told: the test is the person.
// node ask.mjs URL TOKEN CLIENT TOOL ARGUMENTS ANSWER; CLIENT is v2, v2-older or v1; ANSWER is JSON, or "none" for a client that cannot be asked.
const [url, token, which, name, args, answer] = process.argv.slice(2);
const asked = [];
const reply = request => {
  asked.push(request.params.message);
  return JSON.parse(answer);
};

const identity = { name: 'asking', version: '1' };
const capabilities = answer === 'none' ? {} : { elicitation: {} };
const options = { requestInit: { headers: { Authorization: `Bearer ${token}` } } };
let client, transport;
if (which === 'v1') {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const { ElicitRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
  client = new Client(identity, { capabilities });
  if (answer !== 'none') client.setRequestHandler(ElicitRequestSchema, reply);
  transport = new StreamableHTTPClientTransport(new URL(url), options);
} else {
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  client = new Client(identity, { capabilities, versionNegotiation: { mode: which === 'v2' ? { pin: '2026-07-28' } : 'legacy' } });
  if (answer !== 'none') client.setRequestHandler('elicitation/create', reply);
  transport = new StreamableHTTPClientTransport(new URL(url), options);
}

let outcome;
try {
  await client.connect(transport);
  const result = await client.callTool({ name, arguments: JSON.parse(args) });
  outcome = { isError: result.isError === true, text: result.content[0].text };
} catch (e) {
  outcome = { error: String(e.code ?? e.name), text: e.message };
}

console.log(JSON.stringify({ asked, ...outcome }));
if (which !== 'v2') await transport.terminateSession();
await client.close();
process.exit(0);
