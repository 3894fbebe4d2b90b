import { apiCall } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'

/** Calls with an access token, or with `user:password` for passwords and API tokens of a person. */
export function bitbucketCall(
  deps: ApiClient,
  { base, token }: { readonly base: string; readonly token: string },
): ApiCall {
  const colon = token.indexOf(':')
  if (colon === -1) return apiCall(deps, { base, headers: { authorization: `Bearer ${token}` }, token })
  const encoded = Buffer.from(token).toString('base64')
  const call = apiCall(deps, { base, headers: { authorization: `Basic ${encoded}` }, token })
  return (method, path, { secrets = [], ...content } = {}) =>
    call(method, path, { ...content, secrets: [...secrets, encoded, token.slice(colon + 1)] })
}
