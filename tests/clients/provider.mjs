// A third-party OpenID provider as the only issuer, with a token-exchange grant (RFC 8693): for a test, which is the person at the browser.
// node provider.mjs PORT RESOURCE SCOPES API API_SCOPES REDIRECT_URI KEY; KEY is the public key of the server, as a JWK.
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

const [port, resource, scope, api, apiScope, redirectUri, key] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
const pair = await generateKeyPair('RS256', { extractable: true });
const shared = { alg: 'RS256', use: 'sig', kid: 'signing' };
const jwt = { accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'RS256' } } };
const resources = { [resource]: { scope, audience: resource, ...jwt }, [api]: { scope: apiScope, audience: api, ...jwt } };
const published = createLocalJWKSet({ keys: [{ ...await exportJWK(pair.publicKey), ...shared }] });

const provider = new Provider(issuer, {
  clients: [
    { client_id: 'assistant', application_type: 'native', token_endpoint_auth_method: 'none', redirect_uris: [redirectUri], grant_types: ['authorization_code'], response_types: ['code'] },
    { client_id: 'files', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'RS256', jwks: { keys: [JSON.parse(key)] }, grant_types: [grantType], redirect_uris: [], response_types: [] },
  ],
  jwks: { keys: [{ ...await exportJWK(pair.privateKey), ...shared }] },
  clientAuthMethods: ['none', 'private_key_jwt'],
  cookies: { keys: ['a test'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo(_, indicator) {
        if (indicator !== resource) throw new errors.InvalidTarget();
        return resources[indicator];
      },
    },
  },
});

provider.registerGrantType(grantType, async ctx => {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== accessToken || params.resource !== api) throw new errors.InvalidTarget();
  const { payload } = await jwtVerify(params.subject_token, published, { issuer, audience: resource, typ: 'at+jwt' }).catch(() => { throw new errors.InvalidRequest('subject_token'); });
  const asked = params.scope.split(' ');
  if (!asked.every(name => apiScope.split(' ').includes(name))) throw new errors.InvalidScope('unknown', params.scope);
  const token = new provider.AccessToken({ accountId: payload.sub, client, gty: 'token_exchange', scope: params.scope, resourceServer: new provider.ResourceServer(api, resources[api]) });
  ctx.body = { access_token: await token.save(), issued_token_type: accessToken, token_type: 'Bearer', expires_in: token.expiration, scope: token.scope };
}, ['audience', 'resource', 'scope', 'requested_token_type', 'subject_token', 'subject_token_type'], ['audience', 'resource']);

provider.on('server_error', (_, e) => console.error(e));
provider.on('grant.error', (_, e) => console.error(e.message, e.error_description, e.error_detail));
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
