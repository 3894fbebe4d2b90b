import { z } from 'zod'
import { withAccess } from './access.ts'
import type { RemoteAccess } from './environment.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import { failed } from './git-error.ts'
import { parseEndpoint } from './host.ts'
import type { HttpRequest } from './exchange.ts'
import { parseJson } from './lfs-answer.ts'
import type { LinkSource } from './lfs-link.ts'
import { judgeLink, secretsOf, usableHeaders } from './lfs-link.ts'
import { probe } from './probe.ts'
import type { Remote, RemoteDeps } from './remote.ts'
import { quoted, sshArguments, sshPath } from './ssh-call.ts'

// Where a remote is asked about its LFS objects. Over HTTP that is an address below its own, as git-lfs has it;
// over SSH the server tells, with a login of its own. What `.lfsconfig` in a repository says is not heeded:
// whoever can push a commit could otherwise send us, and what we carry, anywhere.

export type LfsOperation = 'download' | 'upload'

export type LfsEndpoint = {
  /** Ends in `/info/lfs` as a rule; without a slash at the end. */
  readonly url: URL
  /** What proves who is asking; for this origin only. */
  readonly headers: Readonly<Record<string, string>>
  readonly network: HttpRequest['network']
  readonly source: LinkSource
  readonly secrets: readonly string[]
}

/** Finds the endpoint of a remote, and calls with it; the credential is taken back afterwards. */
export function withEndpoint<Result>(
  deps: RemoteDeps,
  remote: Remote,
  operation: LfsOperation,
  signal: AbortSignal,
  use: (endpoint: LfsEndpoint) => Promise<GitOutcome<Result>>,
): Promise<GitOutcome<Result>> {
  return withAccess<Result>(deps, remote, signal, async (access, http) => {
    const place = parseEndpoint(remote.url)
    if (place === undefined || place.scheme === 'file') {
      return failed('lfs_unavailable', 'a repository that is a folder has no LFS server')
    }
    if (place.scheme === 'ssh') {
      const found = await askOverSsh(deps, remote, { host: place.host, access }, operation, signal)
      return found.ok ? use(found.endpoint) : found
    }
    const outcome = await use({
      url: new URL(lfsAddress(remote.url)),
      headers: http?.authorization === undefined ? {} : { authorization: http.authorization },
      network: undefined,
      source: { scheme: place.scheme, host: place.host, addresses: http?.addresses ?? [] },
      secrets: access.secrets,
    })
    // Where the repository itself is not found, it is no use to speak of LFS.
    if (outcome.ok || outcome.failure.kind !== 'lfs_unavailable' || http === undefined) return outcome
    const { kind } = await probe(remote.url, http, signal)
    return kind === 'other' ? failed('not_found', `no repository there; ${outcome.failure.detail}`) : outcome
  })
}

function lfsAddress(url: string): string {
  const repository = url.replace(/\/$/, '')
  return repository.endsWith('.git') ? `${repository}/info/lfs` : `${repository}.git/info/lfs`
}

const Authenticated = z.object({
  href: z.string(),
  header: z.record(z.string(), z.string()).nullish(),
})

type SshPlace = { readonly host: string; readonly access: RemoteAccess }

async function askOverSsh(
  deps: RemoteDeps,
  remote: Remote,
  { host, access }: SshPlace,
  operation: LfsOperation,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly endpoint: LfsEndpoint }>> {
  const command = `git-lfs-authenticate ${shellWord(sshPath(remote.url))} ${operation}`
  const args = sshArguments(remote.url, access, command)
  if (args === undefined) return failed('lfs_unavailable', 'the server cannot be asked over SSH')
  const result = await runGit(deps, {
    operation: 'lfs-authenticate',
    program: 'ssh',
    args,
    access,
    signal,
  })
  if (result.kind === 'stopped') return { ok: false, failure: result.failure }
  const answer = Authenticated.safeParse(parseJson(result.stdout)).data
  if (result.exitCode !== 0 || answer === undefined) {
    // The connection itself failed, or the server does not know the command: ssh ends with 255 for the first.
    if (result.exitCode === 255) return { ok: false, failure: result.failure }
    const said = result.stderr === '' ? 'it does not answer git-lfs-authenticate' : result.stderr
    return failed('lfs_unavailable', `the server offers no LFS over SSH: ${said}`)
  }
  const source: LinkSource = { scheme: 'ssh', host, addresses: access.ssh?.addresses ?? [] }
  const judged = judgeLink(answer.href.replace(/\/$/, ''), undefined, source)
  if ('refused' in judged) return failed('address_denied', judged.refused)
  const headers = usableHeaders(answer.header ?? {})
  return { ok: true, endpoint: { ...judged, headers, source, secrets: secretsOf(judged.url, headers) } }
}

// Most words need no quotes, and some servers do not know them.
function shellWord(word: string): string {
  return /^[\w./~@%+=:,-]+$/.test(word) ? word : quoted(word)
}
