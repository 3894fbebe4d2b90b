import { findSshKey, warnOfLostSshKeys } from '../credential/ssh-keys.ts'
import type { Vault } from '../credential/vault.ts'
import type { Database } from '../db/database.ts'
import { SshKeyId } from '../ids.ts'
import { endpointOf, readAddress } from './address.ts'
import type { Logger } from '../log.ts'
import type { Binding, Side } from './binding.ts'
import { SIDES } from './binding.ts'
import { tokenRefused } from './binding-error.ts'
import { isPrivateHost } from './host.ts'

// What a person gave as a token, kept sealed and opened only for a sync, or the key that was named in its place.

/** What proves to the forge of one side who is asking. */
export type SideCredential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'ssh_key'; readonly privateKey: string }

const PRIVATE_KEY = /^-----BEGIN [A-Z ]*PRIVATE KEY-----[\r\n]/
const MAX_LENGTH = 16 * 1024
// GitLab and Gitee want this name beside a token; the others take any.
const TOKEN_USERNAME = 'oauth2'

/** SSH keys that sides log in with in place of a token; null: none any more. */
export type SideKeys = Partial<Readonly<Record<Side, SshKeyId | null>>>

type CredentialColumns = Partial<
  Record<`${Side}_credential`, string | null> & Record<`${Side}_ssh_key_id`, number | null>
>

/** How the credentials that were given are stored; a side has one, so a token and a key take each other's place. */
export function credentialColumns(
  vault: Vault,
  name: string,
  given: { readonly tokens?: Readonly<Record<Side, string | undefined>>; readonly keys?: SideKeys },
): Readonly<CredentialColumns> {
  const columns: CredentialColumns = {}
  for (const side of SIDES) {
    const [token, key] = [given.tokens?.[side], given.keys?.[side]]
    if (token !== undefined) columns[`${side}_credential`] = sealToken(vault, name, side, token)
    if (token !== undefined) columns[`${side}_ssh_key_id`] = null
    if (key !== undefined) columns[`${side}_ssh_key_id`] = key
    if (key !== undefined && key !== null) columns[`${side}_credential`] = null
  }
  return columns
}

/** The form in which a token is stored; null takes it away. */
function sealToken(vault: Vault, name: string, side: Side, token: string): string | null {
  const text = token.trim()
  if (text === '') return null
  // A line break in a password would end the header that carries it.
  if (text.length > MAX_LENGTH || (!PRIVATE_KEY.test(text) && /\p{Cc}/u.test(text))) throw tokenRefused()
  return vault.seal(text, purpose(name, side))
}

/**
 * The credential of one side, or undefined when it has none that its address can use: a key is of no use
 * over http, a password of none over ssh.
 */
export async function credentialOf(
  deps: { readonly db: Database; readonly vault: Vault },
  binding: Binding,
  side: Side,
): Promise<SideCredential | undefined> {
  const row = await deps.db
    .selectFrom('binding')
    .select(['internal_credential', 'external_credential', 'internal_ssh_key_id', 'external_ssh_key_id'])
    .where('id', '=', binding.id)
    .executeTakeFirst()
  const parsed = readAddress(binding[side].address)
  if (row === undefined || parsed.kind === 'refused') return undefined
  const { scheme, username } = parsed.address
  const keyId = row[`${side}_ssh_key_id`]
  if (keyId !== null) {
    const key = scheme === 'ssh' ? await findSshKey(deps, SshKeyId.parse(keyId)) : undefined
    return key === undefined ? undefined : { kind: 'ssh_key', privateKey: key.privateKey }
  }
  const sealed = row[`${side}_credential`]
  if (sealed === null) return undefined
  const token = openToken(deps.vault, binding.name, side, sealed)
  const credential = tokenToCredential(token, username ?? TOKEN_USERNAME)
  const isUsable = credential.kind === 'ssh_key' ? scheme === 'ssh' : scheme === 'http' || scheme === 'https'
  return isUsable ? credential : undefined
}

/** Tells at the start when the secret key is not the one that stored tokens and SSH keys were sealed with. */
export async function warnOfLostKey(deps: {
  readonly db: Database
  readonly vault: Vault
  readonly logger: Logger
}): Promise<void> {
  await warnOfLostSshKeys(deps)
  const rows = await deps.db
    .selectFrom('binding')
    .select(['name', 'internal_credential as internal', 'external_credential as external'])
    .execute()
  const unreadable = rows.filter((row) =>
    SIDES.some((side) => {
      const sealed = row[side]
      return sealed !== null && !canOpen(deps.vault, row.name, side, sealed)
    }),
  )
  if (unreadable.length === 0) return
  deps.logger.error(
    { bindings: unreadable.length, first: unreadable[0]?.name },
    'stored tokens cannot be read with this SECRET_KEY: put the former key back, or set the tokens again',
  )
}

function canOpen(vault: Vault, name: string, side: Side, sealed: string): boolean {
  try {
    openToken(vault, name, side, sealed)
    return true
  } catch {
    return false
  }
}

/** A token that anybody on the way can read is worth a word, but many networks run this way. */
export function warnOfOpenTokens({ logger }: { readonly logger: Logger }, binding: Binding): void {
  for (const side of SIDES) {
    const { url, host, hasCredential } = binding[side]
    if (hasCredential && url.startsWith('http://') && !isPrivateHost(host)) {
      logger.warn(
        { binding: binding.name, side, host },
        'a token travels unencrypted to a public host; use https',
      )
    }
  }
}

/** The sides whose token was left as it was although their address names another server now. */
export function sidesOfMovedTokens(
  before: Binding,
  after: Binding,
  tokens: Readonly<Record<Side, string | undefined>>,
): readonly Side[] {
  return SIDES.filter((side) => {
    const staysAsItWas = after[side].hasCredential && tokens[side] === undefined
    return staysAsItWas && serverOf(after, side) !== serverOf(before, side)
  })
}

/** Scheme, host and port: what a token is trusted to. */
function serverOf(binding: Binding, side: Side): string | undefined {
  const parsed = readAddress(binding[side].address)
  return parsed.kind === 'refused' ? undefined : `${parsed.address.scheme}://${endpointOf(parsed.address)}`
}

function openToken(vault: Vault, name: string, side: Side, sealed: string): string {
  try {
    return vault.open(sealed, purpose(name, side))
  } catch (cause) {
    throw new Error(`opening the ${side} token of the binding ${name}`, { cause })
  }
}

function tokenToCredential(token: string, username: string): SideCredential {
  // OpenSSH reads a key only with plain line ends and one at the end.
  if (PRIVATE_KEY.test(token)) {
    return { kind: 'ssh_key', privateKey: `${token.replace(/\r\n?/g, '\n').trimEnd()}\n` }
  }
  const colon = token.indexOf(':')
  if (colon === -1) return { kind: 'password', username, password: token }
  return {
    kind: 'password',
    username: colon === 0 ? username : token.slice(0, colon),
    password: token.slice(colon + 1),
  }
}

function purpose(name: string, side: Side): string {
  return `binding:${name}:${side}`
}
