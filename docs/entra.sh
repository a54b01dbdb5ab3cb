#!/usr/bin/env bash
# Registers this server, and one client, at Entra ID. What it does and why: entra.md. Needs az, jq, uuidgen, and an account that may register
# applications and consent for the organization; the lifetime policy needs Entra ID P1. Run it once: it makes new registrations each time.
set -euo pipefail

RESOURCE=${RESOURCE:?the URL of the MCP endpoint, such as https://files.example.com/mcp, on a domain that the tenant has verified}
IDENTITY=${IDENTITY:?the principal (object) id of the managed identity that the server runs as}
GRAPH=00000003-0000-0000-c000-000000000000
TENANT=$(az account show --query tenantId --output tsv)

# The server: tokens of version 2.0, one tenant, and the URL of the endpoint as its name.
SERVER=$(az ad app create --display-name "McpFilesServer" --sign-in-audience AzureADMyOrg --query appId --output tsv)
az ad app update --id "$SERVER" --identifier-uris "$RESOURCE"

# Its scopes. A person may consent to those that read; the others are for an administrator.
scope() {
  jq --null-input --arg id "$(uuidgen)" --arg value "$1" --arg type "$2" --arg words "$3" \
    '{id: $id, value: $value, type: $type, isEnabled: true, adminConsentDisplayName: $words, adminConsentDescription: $words,
      userConsentDisplayName: $words, userConsentDescription: $words}'
}
SCOPES=$({
  scope projects:read User "See your projects and who is in them"
  scope projects:write Admin "Create, rename, archive and restore projects"
  scope projects:share Admin "Add, change and remove members of your projects"
  scope files:read User "List, read and search files in your projects"
  scope files:write Admin "Create, change, copy and move files, and restore them from the trash"
  scope files:delete Admin "Move files to the trash, and empty it after asking you"
  scope drive:read Admin "Import files from your OneDrive"
  scope drive:write Admin "Export files to your OneDrive, after asking you each time"
  scope people:read Admin "Look people up in the directory"
} | jq --slurp .)
OBJECT=$(az ad app show --id "$SERVER" --query id --output tsv)
az rest --method PATCH --url "https://graph.microsoft.com/v1.0/applications/$OBJECT" --body "$(jq --null-input --argjson scopes "$SCOPES" \
  '{api: {requestedAccessTokenVersion: 2, oauth2PermissionScopes: $scopes},
    optionalClaims: {accessToken: [{name: "idtyp", essential: false}]}}')"
az ad sp create --id "$SERVER" --output none

# What it may do at Microsoft Graph on behalf of people: these three, each consented to by name, and nothing as itself.
for PERMISSION in User.ReadBasic.All Files.Read Files.ReadWrite; do
  ID=$(az ad sp show --id "$GRAPH" --query "oauth2PermissionScopes[?value=='$PERMISSION'].id" --output tsv)
  az ad app permission add --id "$SERVER" --api "$GRAPH" --api-permissions "$ID=Scope"
done
az ad app permission grant --id "$SERVER" --api "$GRAPH" --scope "User.ReadBasic.All Files.Read Files.ReadWrite" --consent-type AllPrincipals --output none

# How it proves who it is: a federated credential of the managed identity. There is no secret to lose.
az ad app federated-credential create --id "$SERVER" --parameters "$(jq --null-input --arg issuer "https://login.microsoftonline.com/$TENANT/v2.0" --arg subject "$IDENTITY" \
  '{name: "managed-identity", issuer: $issuer, subject: $subject, audiences: ["api://AzureADTokenExchange"]}')" --output none

# Tokens for it live ten minutes, which is the least that Entra issues.
POLICY=$(az rest --method POST --url https://graph.microsoft.com/v1.0/policies/tokenLifetimePolicies --query id --output tsv --body \
  '{"displayName": "Ten minutes", "isOrganizationDefault": false, "definition": ["{\"TokenLifetimePolicy\":{\"Version\":1,\"AccessTokenLifetime\":\"00:10:00\"}}"]}')
az rest --method POST --url "https://graph.microsoft.com/v1.0/applications/$OBJECT/tokenLifetimePolicies/\$ref" \
  --body "{\"@odata.id\": \"https://graph.microsoft.com/v1.0/policies/tokenLifetimePolicies/$POLICY\"}"

# A client on people's own machines. Entra has neither dynamic registration nor client metadata documents, so every client is registered like this.
CLIENT=$(az ad app create --display-name "MCP client" --sign-in-audience AzureADMyOrg --is-fallback-public-client true --public-client-redirect-uris http://localhost --query appId --output tsv)
az ad sp create --id "$CLIENT" --output none
for ID in $(jq --raw-output '.[].id' <<<"$SCOPES"); do
  az ad app permission add --id "$CLIENT" --api "$SERVER" --api-permissions "$ID=Scope"
done
az ad app permission grant --id "$CLIENT" --api "$SERVER" --scope "$(jq --raw-output '[.[].value] | join(" ")' <<<"$SCOPES")" --consent-type AllPrincipals --output none

echo "tenant $TENANT"
echo "server $SERVER (Auth:Issuers:0:Audience, Obo:ClientId)"
echo "client $CLIENT (Auth:AllowedClients)"
