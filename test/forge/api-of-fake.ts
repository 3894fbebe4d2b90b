import { systemClock } from '../../src/clock.ts'
import { createApiClient } from '../../src/forge/api-client.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import type { ForgeApi } from '../../src/forge/forge-api.ts'
import { forgeApi } from '../../src/forge/forge-apis.ts'
import type { FakeHookForge } from '../rig/fake-hooks.ts'

// The API of a fake forge, as the daemon speaks to it.

export const TOKEN = 'token-that-nobody-may-see'

/** What a login was made of, to look for secrets in it. */
export function withoutBase64(authorization: string): string {
  const [, encoded] = /^Basic (.+)$/.exec(authorization) ?? []
  return encoded === undefined ? authorization : Buffer.from(encoded, 'base64').toString()
}

export function apiOf(
  forge: ForgeName,
  { address, apiUrl }: Pick<FakeHookForge, 'address' | 'apiUrl'>,
  timeoutMs = 10_000,
): ForgeApi {
  const client = createApiClient({ clock: systemClock, allowAddress: () => true, timeoutMs })
  const api = forgeApi(client, { forge, apiUrl, address, token: TOKEN })
  if (api === undefined) throw new Error(`${forge} has no API`)
  return api
}
