import { z } from 'zod'
import { callsBelow, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import type { ApiClient } from './api-client.ts'
import { giteaCall, GiteaHook, GiteaRepository, giteaSettings } from './gitea-api.ts'
import type { ForgeApi, ForgeApiOutcome, ForgeApiTarget, RemoteHook, WantedHook } from './forge-api.ts'
import { pathOf } from './api-place.ts'

// Gogs: the API of Gitea as it was, without paging, without a test, and with an update that leaves the
// secret as it is. It has no call that changes a repository.

/** Undefined when the address names no repository of a Gogs. */
export function createGogsApi(deps: ApiClient, target: ForgeApiTarget): ForgeApi | undefined {
  const repository = giteaCall(deps, target)
  if (repository === undefined) return undefined
  const call = callsBelow(repository, '/hooks')
  return {
    describeRepository: async () => readAnswer(await repository('GET', ''), GiteaRepository),
    listHooks: async () => readAnswer(await call('GET', ''), z.array(GiteaHook)),
    createHook: (wanted) => createHook(call, wanted),
    updateHook: (id, wanted) => replaceHook(call, id, wanted),
    deleteHook: (id) => deleteHook(call, id),
  }
}

async function createHook(call: ApiCall, wanted: WantedHook): Promise<ForgeApiOutcome<RemoteHook>> {
  const content = { body: { type: 'gogs', ...giteaSettings(wanted) }, secrets: [wanted.secret] }
  return readAnswer(await call('POST', '', content), GiteaHook)
}

// The new one first, so that no push falls between the two.
async function replaceHook(
  call: ApiCall,
  id: string,
  wanted: WantedHook,
): Promise<ForgeApiOutcome<RemoteHook>> {
  const created = await createHook(call, wanted)
  if (!created.ok) return created
  const deleted = await deleteHook(call, id)
  if (deleted.ok || deleted.failure.kind === 'not_found') return created
  await deleteHook(call, created.value.id)
  return deleted
}

async function deleteHook(call: ApiCall, id: string): Promise<ForgeApiOutcome<null>> {
  return withoutValue(await call('DELETE', pathOf([id])))
}
