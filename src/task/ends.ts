import type { AddressRules } from '../binding/address.ts'
import { endpointOf, parseAddress } from '../binding/address.ts'
import type { Text } from '../domain-error.ts'
import type { RemoteUrl } from '../git/refs.ts'
import { LOCAL } from './task.ts'

// From the names of remotes to where they lead, by the configuration that the repository has now.
//
// An address is taken as it is written there and judged like that of a binding. What git itself would make of
// it does not count: `url.<base>.insteadOf` can lead anywhere, so an address that it would change is refused.

export type RemoteInConfig = {
  readonly name: string
  readonly urls: readonly string[]
  readonly pushUrls: readonly string[]
  readonly fetch: readonly string[]
}

export type Login =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'ssh_key'; readonly privateKey: string }

/** A registered repository as a task sees it. */
export type OpenedRepository<Local> = {
  readonly remotes: readonly RemoteInConfig[]
  /** Beginnings of addresses that git would replace. */
  readonly rewrites: readonly string[]
  /** Takes the login out of an address. */
  readonly splitLogin: (address: string) => {
    readonly address: string
    readonly login: { readonly username: string; readonly password: string } | undefined
  }
  /** Logs in over SSH; undefined: the keys of the account. */
  readonly privateKey: string | undefined
  readonly url: RemoteUrl
  /** The repository itself as one end of a sync. */
  readonly local: Local
}

export type End<Local> = {
  readonly url: RemoteUrl
  /** Empty: on this machine. */
  readonly host: string
  readonly endpoint: string
  readonly credential: Login | undefined
  readonly local?: Local
}

export type EndProblem = 'remote_unknown' | 'remote_address' | 'remote_many' | 'remote_rewritten'

export type ResolvedEnd<Local> =
  | { readonly kind: 'ok'; readonly end: End<Local> }
  | { readonly kind: 'refused'; readonly problem: EndProblem; readonly detail: Text; readonly hint?: Text }

/** Where a remote leads when a task reads from it, or writes to it. */
export function resolveEnd<Local>(
  opened: OpenedRepository<Local>,
  name: string,
  use: 'source' | 'target',
  rules: AddressRules,
): ResolvedEnd<Local> {
  if (name === LOCAL) {
    const end = { url: opened.url, host: '', endpoint: '', credential: undefined, local: opened.local }
    return { kind: 'ok', end }
  }
  const remote = opened.remotes.find((one) => one.name === name)
  const written = remote === undefined ? [] : addressesFor(remote, use)
  const [first] = written
  if (first === undefined) return remoteUnknown(name, opened.remotes)
  if (written.length > 1) {
    return refused('remote_many', {
      zh: `远程“${name}”有多个推送地址，任务只推送到一个`,
      en: `the remote "${name}" has several push addresses, and a task pushes to one`,
    })
  }
  if (opened.rewrites.some((beginning) => first.startsWith(beginning))) {
    return refused('remote_rewritten', {
      zh: `远程“${name}”的地址会被 url.insteadOf 改写，本服务不采用这种改写；请写出完整地址`,
      en: `url.insteadOf would change the address of the remote "${name}", which is not followed here: write the full address`,
    })
  }
  const { address, login } = opened.splitLogin(first)
  const parsed = parseAddress(address, rules)
  if (parsed.kind === 'refused') {
    const { detail, hint } = parsed
    const text = { zh: `远程“${name}”：${detail.zh}`, en: `the remote "${name}": ${detail.en}` }
    return { ...refused('remote_address', text), hint }
  }
  const { url, host, scheme } = parsed.address
  const key = scheme === 'ssh' && opened.privateKey !== undefined ? opened.privateKey : undefined
  const credential: Login | undefined =
    key === undefined ? login && { kind: 'password', ...login } : { kind: 'ssh_key', privateKey: key }
  return { kind: 'ok', end: { url, host, endpoint: endpointOf(parsed.address), credential } }
}

/** Where the repository remembers the branches of a remote; undefined where it does so in an unusual way. */
export function trackingPrefix(remotes: readonly RemoteInConfig[], name: string): string | undefined {
  const remote = remotes.find((one) => one.name === name)
  const prefix = `refs/remotes/${name}/`
  const isUsual = remote?.fetch.includes(`+refs/heads/*:${prefix}*`) === true && remote.pushUrls.length === 0
  return isUsual ? prefix : undefined
}

// As git chooses them: it fetches from the first, and pushes to all of them.
function addressesFor({ urls, pushUrls }: RemoteInConfig, use: 'source' | 'target'): readonly string[] {
  if (use === 'source') return urls.slice(0, 1)
  return pushUrls.length > 0 ? pushUrls : urls
}

type Refused = {
  readonly kind: 'refused'
  readonly problem: EndProblem
  readonly detail: Text
  readonly hint?: Text
}

function remoteUnknown(name: string, remotes: readonly RemoteInConfig[]): Refused {
  const known = [...remotes.map((remote) => remote.name), LOCAL].join(', ')
  return {
    ...refused('remote_unknown', {
      zh: `仓库没有远程“${name}”`,
      en: `the repository has no remote "${name}"`,
    }),
    hint: { zh: `可用：${known}`, en: `known: ${known}` },
  }
}

function refused(problem: EndProblem, detail: Text): Refused {
  return { kind: 'refused', problem, detail }
}
