// One tool that gives a file's text, for a bearer of a valid token: what somebody writes who follows the SDK's own examples.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createMcpExpressApp, requireBearerAuth } from '@modelcontextprotocol/express';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { McpServer, OAuthError, OAuthErrorCode } from '@modelcontextprotocol/server';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';

const [port, folder, issuer, resource] = process.argv.slice(2);
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

const app = createMcpExpressApp();
app.get('/health/ready', (_, response) => response.send('ready'));
app.post('/mcp', requireBearerAuth({ verifier, requiredScopes: ['files:read'] }), async (request, response) => {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  server.registerTool('read_text_file', { description: 'Reads a text file.', inputSchema: z.object({ project: z.string().optional(), path: z.string() }) }, async (given) => ({
    content: [{ type: 'text', text: await readFile(path.join(folder, path.basename(given.path)), 'utf8') }],
  }));
  const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => { transport.close(); server.close(); });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
});
app.listen(Number(port), '127.0.0.1');
