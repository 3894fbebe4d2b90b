import type { RunDeps } from './git.ts'
import { runGit } from './git.ts'
import type { GitOutcome } from './git-error.ts'
import type { Sha } from './refs.ts'
import { toSha } from './refs.ts'

// How two histories relate, as far as a repository of ours holds them.

export type Commit = {
  readonly sha: Sha
  readonly author: string
  /** As the commit says, e.g. `2026-01-31T08:00:00+08:00`. */
  readonly date: string
  readonly subject: string
}

/** What each of two histories has and the other lacks. */
export type Difference = {
  /** The best common ancestor; null: there is none. */
  readonly base: Sha | null
  /** Commits of one side only, counted up to `MOST_COUNTED` in all. */
  readonly left: OneSided
  readonly right: OneSided
}

/** `newest` holds the first few of them. */
export type OneSided = { readonly count: number; readonly newest: readonly Commit[] }

const MOST_COUNTED = 10_000
const MOST_LISTED = 20
const FORMAT = '%m%x00%H%x00%aI%x00%an%x00%s'
const MAX_TEXT = 200

/** Compares two heads of a bare repository; fails where it does not hold them. */
export async function compareHistories(
  deps: RunDeps,
  dir: string,
  { left, right }: { readonly left: Sha; readonly right: Sha },
  signal: AbortSignal,
): Promise<GitOutcome<Difference>> {
  const counts = { '<': 0, '>': 0 }
  const newest: Readonly<Record<'<' | '>', Commit[]>> = { '<': [], '>': [] }
  const logged = await runGit(deps, {
    operation: 'log',
    args: [
      'log',
      '--left-right',
      `--max-count=${MOST_COUNTED}`,
      `--format=${FORMAT}`,
      `${left}...${right}`,
      '--',
    ],
    gitDir: dir,
    signal,
    onLine: (line) => {
      const [mark, id = '', date = '', author = '', subject = ''] = line.split('\0')
      const sha = toSha(id)
      if ((mark !== '<' && mark !== '>') || sha === undefined) return
      counts[mark] += 1
      if (newest[mark].length >= MOST_LISTED) return
      newest[mark].push({ sha, date, author: clean(author), subject: clean(subject) })
    },
  })
  if (logged.kind === 'stopped' || logged.exitCode !== 0) return { ok: false, failure: logged.failure }
  const args = ['merge-base', left, right]
  const merged = await runGit(deps, { operation: 'merge-base', args, gitDir: dir, signal })
  if (merged.kind === 'stopped' || merged.exitCode > 1) return { ok: false, failure: merged.failure }
  return {
    ok: true,
    base: toSha(merged.stdout.trim()) ?? null,
    left: { count: counts['<'], newest: newest['<'] },
    right: { count: counts['>'], newest: newest['>'] },
  }
}

// Whoever commits writes these, so nothing in them may act on a terminal or turn the reading direction.
function clean(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, MAX_TEXT)
}
