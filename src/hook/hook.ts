import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Side } from '../binding/binding.ts'
import { FORGE_NAMES } from '../forge/forge.ts'
import type { ForgeName } from '../forge/forge.ts'
import type { RemoteHook } from '../forge/forge-api.ts'
import type { BindingId, HookId } from '../ids.ts'

// A hook is the address at which one side of a binding receives the webhooks of its forge. Its secret
// belongs to that side alone: what is signed with it says nothing about any other repository, and for
// that side no shared secret counts once the forge has the hook.

export type Hook = {
  readonly id: HookId
  readonly slug: string
  readonly forge: ForgeName
  /** Null: the binding is gone, and the hook is still to be removed at the forge. */
  readonly bindingId: BindingId | null
  readonly side: Side
  /** The repository it was registered for. */
  readonly address: string
  /** Null: derived from the address. */
  readonly apiUrl: string | null
  /** Whether this service makes it at the forge; else a person does, with the secret we gave out. */
  readonly isManaged: boolean
  /** Null while it is not known to exist at the forge. */
  readonly forgeHookId: string | null
  readonly createdAt: number
  readonly lastDeliveryAt: number | null
  readonly lastStatus: 'accepted' | 'ignored' | 'duplicate' | 'rejected' | null
  readonly problem: string | null
  readonly checkedAt: number | null
  /** Until when a delivery may still be signed with the secret before the last rotation. */
  readonly previousUntil: number | null
  readonly historyAt: number
  readonly abandonedAt: number | null
}

/** The name of a forge, from a request or a row. */
export const ForgeNameText = z.enum(FORGE_NAMES)

const SLUG_BYTES = 16
const SECRET_BYTES = 32

export function createSlug(): string {
  return randomBytes(SLUG_BYTES).toString('base64url')
}

export function createSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

export function hookUrl(publicUrl: string, { forge, slug }: Pick<Hook, 'forge' | 'slug'>): string {
  return `${publicUrl}${hookPath({ forge, slug })}`
}

/** The part of a hook's address that is its own, wherever this service is reached. */
export function hookPath({ forge, slug }: Pick<Hook, 'forge' | 'slug'>): string {
  return `/webhooks/${forge}/${slug}`
}

/**
 * The forge's hook that is ours, if it has it: by its id, by its address, or one with an address of this
 * service that no other hook of ours has, such as one from before the database was lost.
 */
export function findOurs(
  remote: readonly RemoteHook[],
  hook: Pick<Hook, 'forge' | 'slug' | 'forgeHookId'>,
  publicUrl: string,
  otherSlugs: ReadonlySet<string>,
): RemoteHook | undefined {
  const url = hookUrl(publicUrl, hook)
  const prefix = `${publicUrl}/webhooks/${hook.forge}/`
  const isStray = (address: string): boolean =>
    address.startsWith(prefix) && !otherSlugs.has(address.slice(prefix.length))
  return (
    remote.find(({ id }) => id === hook.forgeHookId) ??
    remote.find((known) => known.url === url) ??
    remote.find((known) => isStray(known.url))
  )
}

/** Why the forge would not deliver what we need, or undefined when it would. */
export function problemOf(remote: RemoteHook | undefined, url: string): string | undefined {
  if (remote === undefined) return 'the forge has no such hook any more'
  if (remote.problem !== null) return remote.problem
  if (!remote.isActive) return 'the forge has switched the hook off'
  if (remote.url !== url) return 'the hook at the forge has another address'
  return remote.hasEvents ? undefined : 'the hook at the forge lacks events'
}
