// One tool that gives a file's text, for a bearer of a valid token: what somebody writes who follows the SDK's own examples.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createMcpExpressApp, requireBearerAuth } from '@modelcontextprotocol/express';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { McpServer, OAuthError, OAuthErrorCode, fromJsonSchema } from '@modelcontextprotocol/server';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';

const [port, folder, issuer, resource, list] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(`${issuer}/keys`));

const verifier = {
  async verifyAccessToken(token) {
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience: resource, typ: 'at+jwt', algorithms: ['RS256'] });
      return { token, clientId: payload.client_id, scopes: payload.scope.split(' '), expiresAt: payload.exp };
    } catch {
      throw new OAuthError(OAuthErrorCode.InvalidToken, 'The token is not valid.');
    }
  },
};

// As many tools as the other server has, with the same words, when their list is compared. Their schemas are compiled once.
const others = list ? JSON.parse(readFileSync(list, 'utf8')).filter((tool) => tool.name !== 'read_text_file').map((tool) => ({ ...tool, inputSchema: fromJsonSchema(tool.inputSchema) })) : [];

const app = createMcpExpressApp();
app.get('/health/ready', (_, response) => response.send('ready'));
app.post('/mcp', requireBearerAuth({ verifier, requiredScopes: ['files:read'] }), async (request, response) => {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  server.registerTool('read_text_file', { description: 'Reads a text file.', inputSchema: z.object({ project: z.string().optional(), path: z.string() }) }, async (given) => ({
    content: [{ type: 'text', text: await readFile(path.join(folder, path.basename(given.path)), 'utf8') }],
  }));
  for (const { name, title, description, inputSchema, annotations } of others) {
    server.registerTool(name, { title, description, inputSchema, annotations }, async () => ({ content: [] }));
  }
  const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => { transport.close(); server.close(); });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
});
app.listen(Number(port), '127.0.0.1');
