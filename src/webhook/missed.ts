import type { ForgeByName } from '../forge/forges.ts'
import type { MissedDelivery } from '../forge/forge-api.ts'
import type { Hook } from '../hook/hook.ts'
import { takeIn } from './receive.ts'
import type { TakeInDeps } from './receive.ts'

type Deps = TakeInDeps & { readonly forgeByName: ForgeByName }

/**
 * Takes in a delivery that never arrived, from the content that the forge's own history has kept. No
 * signature came with it; the forge gave it to us when we asked with the token of the hook.
 */
export async function takeInMissed(deps: Deps, hook: Hook, missed: MissedDelivery): Promise<void> {
  const request = {
    method: 'POST',
    headers: new Map([['content-type', 'application/json'], ...(missed.headers ?? [])]),
    query: new URLSearchParams(),
    body: Buffer.from(missed.payload ?? ''),
  } as const
  const { status } = await takeIn(deps, deps.forgeByName(hook.forge), {
    request,
    remoteAddress: null,
    hook: hook.id,
  })
  if (status === 503) throw new Error('a missed delivery could not be stored')
}
