import type { Clock } from '../clock.ts'
import type { Vault } from '../credential/vault.ts'

// The secrets of hooks at rest. Each is bound to its hook and its place there.

type Place = 'secret' | 'api_token'

type SealedSecrets = {
  readonly slug: string
  readonly secret: string
  readonly previous_secret: string | null
  readonly previous_until: number | null
}

export function sealFor(vault: Vault, slug: string, place: Place, text: string): string {
  return vault.seal(text, purpose(slug, place))
}

export function openFor(vault: Vault, slug: string, place: Place, sealed: string): string {
  try {
    return vault.open(sealed, purpose(slug, place))
  } catch (cause) {
    throw new Error(`opening the ${place} of a hook`, { cause })
  }
}

/** The secret of now, and the one before it while that still counts. */
export function openSecrets(
  { vault, clock }: { readonly vault: Vault; readonly clock: Clock },
  row: SealedSecrets,
): readonly [string, ...string[]] {
  const current = openFor(vault, row.slug, 'secret', row.secret)
  const isOver = row.previous_until === null || row.previous_until <= clock.now()
  if (row.previous_secret === null || isOver) return [current]
  return [current, openFor(vault, row.slug, 'secret', row.previous_secret)]
}

function purpose(slug: string, place: Place): string {
  return `hook:${slug}:${place}`
}
