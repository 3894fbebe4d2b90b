import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import type { LocalRepository } from './local-repository.ts'
import { collectRefs } from './ref-list.ts'
import type { RefList } from './ref-list.ts'
import type { Sha } from './refs.ts'
import { toSha } from './refs.ts'

// Refs of a repository on this machine, read and moved by git in the repository itself: only git knows all the
// forms in which refs are kept. Its hooks are off, and no other part of git is at work in these calls.

/** Every branch and tag; tags show the tag object. */
export async function listOwnRefs(
  deps: RunDeps,
  { commonDir }: LocalRepository,
  signal: AbortSignal,
): Promise<GitOutcome<RefList>> {
  const collector = collectRefs()
  const result = await runGit(deps, {
    operation: 'for-each-ref',
    args: ['for-each-ref', '--format=%(objectname) %(refname)', '--', 'refs/heads/', 'refs/tags/'],
    gitDir: commonDir,
    signal,
    onLine: (line) => {
      const space = line.indexOf(' ')
      collector.add(line.slice(space + 1), toSha(line.slice(0, space)))
    },
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  return { ok: true, ...collector.list() }
}

/** One change; it happens only when the ref still is what it was seen to be (null: absent). */
export type RefMove = { readonly ref: string; readonly from: Sha | null; readonly to: Sha | null }

/** Who moves refs here, as the log of a ref names it. */
export const IDENTITY = { GIT_COMMITTER_NAME: 'reposync', GIT_COMMITTER_EMAIL: 'reposync@localhost' }

/** Moves all refs or none; what they come to is on the disk when this resolves. */
export async function moveOwnRefs(
  deps: RunDeps,
  repository: LocalRepository,
  moves: readonly RefMove[],
  options: { readonly message: string; readonly signal: AbortSignal },
): Promise<GitOutcome<object>> {
  if (moves.length === 0) return { ok: true }
  const result = await runGit(deps, {
    operation: 'update-ref',
    args: [...keepsLog(repository), 'update-ref', '-m', options.message, '--no-deref', '-z', '--stdin'],
    gitDir: repository.commonDir,
    variables: IDENTITY,
    durable: true,
    input: moves.map(toCommand).join(''),
    signal: options.signal,
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  return { ok: true }
}

/** The log of refs, which people with a work tree are used to find their way back with. */
export function keepsLog({ workTree }: LocalRepository): readonly string[] {
  return workTree === undefined ? [] : ['-c', 'core.logAllRefUpdates=true']
}

// An empty value would mean that whatever is there will do; zeros mean that nothing is.
function toCommand({ ref, from, to }: RefMove): string {
  if (to === null) return `delete ${ref}\0${from ?? ''}\0`
  return `update ${ref}\0${to}\0${from ?? '0'.repeat(to.length)}\0`
}
