// A certified OpenID provider as an authority: node oidc.mjs FOLDER, with what it needs as JSON on standard input.
// Prints its origin once it listens. FOLDER has node_modules with oidc-provider.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { Provider } = await import(pathToFileURL(join(process.argv[2], 'node_modules/oidc-provider/lib/index.js')));
const { tenant, chain, scope, app, secret, keys } = JSON.parse(readFileSync(0, 'utf8'));
const pem = readFileSync(chain);
const server = createServer({ key: pem, cert: pem });

server.listen(0, '127.0.0.1', () => {
  const origin = `https://127.0.0.1:${server.address().port}`;
  const prefix = `/${tenant}/v2.0`;
  const client = { client_id: app, grant_types: ['client_credentials'], response_types: [], redirect_uris: [], scope };
  const shows = { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256', jwks: { keys } };
  const says = { token_endpoint_auth_method: 'client_secret_post', client_secret: secret };
  const provider = new Provider(origin + prefix, {
    clients: [{ ...client, ...(keys ? shows : says) }],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    scopes: [scope],
    clientAuthMethods: ['client_secret_post', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ['PS256'] },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    request.originalUrl = request.url;
    request.url = request.url.slice(prefix.length) || '/';
    answer(request, response);
  });
  console.log(origin);
});
