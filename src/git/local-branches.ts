import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import type { LocalRepository } from './local-repository.ts'
import type { Sha } from './refs.ts'
import { toSha } from './refs.ts'

// The branches of a repository on this machine, as people look at them.

export type BranchKind = 'local' | 'remote'

export type LocalBranch = {
  readonly kind: BranchKind
  /** Without `refs/heads/` or `refs/remotes/`. */
  readonly name: string
  readonly ref: string
  readonly sha: Sha
}

const FOLDERS: Readonly<Record<BranchKind, string>> = { local: 'refs/heads/', remote: 'refs/remotes/' }

/** Branches by kind and name, also those whose commit cannot be read. */
export async function listOwnBranches(
  deps: RunDeps,
  { commonDir }: LocalRepository,
  kinds: readonly BranchKind[],
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly branches: readonly LocalBranch[] }>> {
  const branches: LocalBranch[] = []
  const result = await runGit(deps, {
    operation: 'for-each-ref',
    args: [
      'for-each-ref',
      '--format=%(objectname) %(refname)%00%(symref)',
      '--',
      ...kinds.map((kind) => FOLDERS[kind]),
    ],
    gitDir: commonDir,
    signal,
    onLine: (line) => {
      const [value = '', symref = ''] = line.split('\0')
      const space = value.indexOf(' ')
      const sha = toSha(value.slice(0, space))
      const ref = value.slice(space + 1)
      const kind = kinds.find((known) => ref.startsWith(FOLDERS[known]))
      // `origin/HEAD` only names another branch.
      if (sha === undefined || kind === undefined || symref !== '') return
      branches.push({ kind, name: ref.slice(FOLDERS[kind].length), ref, sha })
    },
  })
  if (result.kind === 'stopped' || result.exitCode !== 0) return { ok: false, failure: result.failure }
  return { ok: true, branches }
}

export type BranchDetails = {
  /** The branch that this one follows, without `refs/heads/` or `refs/remotes/`. */
  readonly upstream: string | null
  /** Commits that only one of the two has; null: there is no upstream, or it is gone. */
  readonly ahead: number | null
  readonly behind: number | null
  readonly subject: string
  readonly author: string
  /** Null where the commit tells no time that exists. */
  readonly committedAt: number | null
}

const FIELDS = [
  'refname',
  'upstream',
  'upstream:track',
  'committerdate:unix',
  'authorname',
  'contents:subject',
]

// To know what a branch follows git reads the remotes, and would stop at an address with a password in it.
const ANY_REMOTE = ['-c', 'transfer.credentialsInUrl=allow']

/** What their last commits say; branches whose commit cannot be read are left out. */
export async function describeBranches(
  deps: RunDeps,
  { commonDir }: LocalRepository,
  refs: readonly string[],
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly details: ReadonlyMap<string, BranchDetails> }>> {
  const details = new Map<string, BranchDetails>()
  if (refs.length === 0) return { ok: true, details }
  const format = FIELDS.map((field) => `%(${field})`).join('%00')
  const result = await runGit(deps, {
    operation: 'for-each-ref',
    args: [...ANY_REMOTE, 'for-each-ref', `--format=${format}`, '--', ...refs],
    gitDir: commonDir,
    signal,
    onLine: (line) => {
      const [ref = '', upstream = '', track = '', time = '', author = '', subject = ''] = line.split('\0')
      const isKnown = upstream !== '' && !track.includes('gone')
      details.set(ref, {
        upstream: upstream === '' ? null : upstream.replace(/^refs\/(?:heads|remotes)\//, ''),
        ahead: isKnown ? count(track, /ahead (\d+)/) : null,
        behind: isKnown ? count(track, /behind (\d+)/) : null,
        subject: toLine(subject),
        author: toLine(author),
        committedAt: toTime(time),
      })
    },
  })
  if (result.kind === 'stopped') return { ok: false, failure: result.failure }
  return { ok: true, details }
}

/** Whether everything in `sha` is in `other` too. */
export async function isContained(
  deps: RunDeps,
  { commonDir }: LocalRepository,
  sha: Sha,
  other: Sha,
  signal: AbortSignal,
): Promise<GitOutcome<{ readonly isContained: boolean }>> {
  const args = ['merge-base', '--is-ancestor', sha, other]
  const result = await runGit(deps, { operation: 'merge-base', args, gitDir: commonDir, signal })
  if (result.kind === 'stopped' || result.exitCode > 1) return { ok: false, failure: result.failure }
  return { ok: true, isContained: result.exitCode === 0 }
}

function count(track: string, pattern: RegExp): number {
  return Number(pattern.exec(track)?.[1] ?? 0)
}

// A commit may say any number.
const LATEST_TIME = 8.64e15

function toTime(seconds: string): number | null {
  const ms = Number(seconds) * 1000
  return seconds !== '' && ms >= 0 && ms <= LATEST_TIME ? ms : null
}

const MAX_TEXT = 500

/** Whoever commits may write anything; what is shown of it is one line without control characters. */
function toLine(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ').slice(0, MAX_TEXT)
}
