import type { GitErrorKind } from './git-error.ts'
import { isRefusal } from './git-error.ts'
import { GIT_WORDS, REF_WORDS } from './git-words.ts'
import type { Pattern } from './server-words.ts'
import { SERVER_WORDS } from './server-words.ts'

// What git and the forges print, turned into kinds. Git runs with LC_ALL=C, so its own words are
// stable. What a server says is looked at before the consequences that git derives from it.

/** What `flock` exits with when somebody else holds the mirror. */
export const MIRROR_BUSY_EXIT = 75

// What tells something stands early in a line; a longer one would only take time.
const MAX_LINE = 1000

/** Names the reason of a failed git call; `unknown` when its words are new to us. Never throws. */
export function classify(stderr: string, exitCode: number): GitErrorKind {
  if (exitCode === MIRROR_BUSY_EXIT && stderr.trim() === '') return 'mirror_busy'
  const lines = tellingLines(stderr)
  const own = lines.filter((line) => !REMOTE.test(line))
  return match(SERVER_WORDS, lines.filter(isServerLine)) ?? match(GIT_WORDS, own) ?? 'unknown'
}

/**
 * Names why a server refused one ref. What it printed beside it makes the reason more exact; of a push of
 * several refs, only what is about this one.
 */
export function classifyRef(reason: string, stderr: string, ref?: string): GitErrorKind {
  const kind = match(REF_WORDS, [reason.slice(0, MAX_LINE)])
  const told = match(SERVER_WORDS, [reason.slice(0, MAX_LINE)])
  const lines = tellingLines(stderr).filter(isServerLine)
  const { about, general } = ref === undefined ? { about: lines, general: [] } : linesAbout(ref, lines)
  const said = match(SERVER_WORDS, about)
  switch (kind) {
    case 'non_fast_forward':
      // Sent with a lease, and still refused: the server lets nobody rewrite the branch.
      return said === 'protected' ? said : kind
    case 'moved_meanwhile':
      return said === 'name_taken' ? said : kind
    case 'protected':
    case 'hook_declined':
    case 'bad_objects':
      return mostExact([said, told, match(SERVER_WORDS, general)]) ?? kind
    case undefined:
      return told ?? said ?? classify(stderr, 1)
    default:
      return kind
  }
}

// A hook speaks of many things; whoever gets as far as a hook has logged in and found the repository.
function mostExact(kinds: readonly (GitErrorKind | undefined)[]): GitErrorKind | undefined {
  const causes = kinds.filter((kind) => kind !== undefined && isCauseOfRefusal(kind))
  return causes.find((kind) => kind !== 'protected' && kind !== 'forbidden') ?? causes[0]
}

function isCauseOfRefusal(kind: GitErrorKind): boolean {
  return isRefusal(kind) || kind === 'read_only' || kind === 'server_error' || kind === 'rate_limited'
}

const REMOTE = /^(?:remote:|ERROR:)/
// Warnings and advice accompany failures of any kind, and the table of refs holds names that mean nothing.
const ASIDE =
  /^(?:remote: *)?(?:warning|hint):|^ [ +\-*!=t] |^(?:From|To) \S+$|^Please make sure you|^and the repository/i
const GIT_OR_SSH =
  /^(?:fatal|error|ssh|\w+_exchange_identification|ssh_dispatch\w*|client_loop|mux_client\w*|(?:send|fetch|index)-pack)\b|^(?:Connection|Received disconnect|Host key|Load key|Timeout|No \S+ host key|Unable to negotiate|@)|^(?:\S+: )?Permission denied[ (,]/
const RELAYED = /^(?:fatal: remote error|error: remote unpack failed)/

function tellingLines(stderr: string): readonly string[] {
  const lines = stderr.split('\n').map((line) => line.slice(0, MAX_LINE))
  return lines.filter((line) => !ASIDE.test(line))
}

// Over SSH a forge also speaks without the prefix.
function isServerLine(line: string): boolean {
  return REMOTE.test(line) || RELAYED.test(line) || !GIT_OR_SSH.test(line)
}

/** What is said about one ref begins with its name, or ends with its name and that a hook declined it. */
function linesAbout(
  ref: string,
  lines: readonly string[],
): { readonly about: readonly string[]; readonly general: readonly string[] } {
  const about: string[] = []
  const general: string[] = []
  let block: string[] = []
  let owner: string | undefined
  const close = (): void => {
    if (owner === undefined) general.push(...block)
    if (owner === ref) about.push(...block)
    block = []
    owner = undefined
  }
  for (const line of lines) {
    const named = /\brefs\/(?:heads|tags)\/[^\s'"`]+/.exec(line)?.[0].replace(/[.,:;)]+$/, '')
    const isEnd = line.includes('hook declined to update')
    if (named !== undefined && named !== owner && !isEnd) close()
    block.push(line)
    owner = named ?? owner
    if (isEnd) close()
  }
  close()
  return { about, general }
}

// Names and addresses may hold any word, so they are no part of what was said.
const NAMES = /'(?:[a-z+.-]+:\/\/|\.{0,2}\/|refs\/)[^']*'|\bhttps?:\/\/\S+|\brefs\/(?:heads|tags)\/\S+/gi

function match(patterns: readonly Pattern[], lines: readonly string[]): GitErrorKind | undefined {
  if (lines.length === 0) return undefined
  const text = lines.map((line) => line.replaceAll(NAMES, "''")).join('\n')
  return patterns.find(([, pattern]) => pattern.test(text))?.[0]
}
