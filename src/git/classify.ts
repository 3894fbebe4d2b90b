import type { GitErrorKind } from './git-error.ts'

// What git and the forges print, turned into kinds. Git runs with LC_ALL=C, so its own words are
// stable; the words of a forge arrive in lines that start with `remote:`.

/** What `flock` exits with when somebody else holds the mirror. */
export const MIRROR_BUSY_EXIT = 75

type Pattern = readonly [GitErrorKind, RegExp]

// What tells something stands early in a line; a longer one would only take time.
const MAX_LINE = 1000

// The first hit decides: what a server says about itself stands before the consequences git derives from it.
const SERVER_WORDS: readonly Pattern[] = [
  ['protected', /GH006|GH013|protected branch|repository rule violations/i],
  ['protected', /not allowed to (?:force )?(?:push|delete)[^\n]*protected|protected (?:branches|tags?)/i],
  ['protected', /deletion (?:of the current branch )?prohibited|refusing to delete the current branch/i],
  ['protected', /refusing to update checked out branch|branch is currently checked out/i],
  ['protected', /deny (?:updating|deleting) a hidden ref|受保护|保护分支/],
  [
    'too_large',
    /GH001|exceeds [^\n]*(?:size|limit)|file size limit|pack exceeds maximum|larger than|超过[^\n]*限制/i,
  ],
  ['rate_limited', /rate limit|too many requests|429/i],
  ['auth', /write access to repository not granted|permission to [^\n]* denied|marked as read[- ]only/i],
  ['auth', /not allowed to (?:push|download|upload|pull|access)|access denied|unauthorized|forbidden/i],
  ['auth', /(?:invalid|incorrect) (?:username|password|credentials)|support for password authentication/i],
  ['auth', /deploy key|was archived|read-only|no permission|权限|认证失败/i],
  ['not_found', /(?:repository|project)[^\n]*(?:not found|could not be found|does not exist)/i],
  ['not_found', /(?:cannot|can't) find repository|unknown repository|仓库不存在/i],
  ['name_taken', /directory[ /]file conflict/i],
  ['moved_meanwhile', /cannot lock ref|failed to (?:update|lock) ref|incorrect old value|file exists/i],
  ['bad_objects', /missing necessary objects|shallow update not allowed|unpack[^\n]*(?:fail|error)|fsck/i],
  [
    'server_error',
    /no space left|internal (?:server )?error|service unavailable|out of memory|try again later/i,
  ],
]

// What git or ssh itself says, in lines of their own.
const OWN_WORDS: readonly Pattern[] = [
  ['host_key_changed', /REMOTE HOST IDENTIFICATION HAS CHANGED|host key for [^\n]* has changed/i],
  ['host_key_unknown', /host key verification failed|no [^\n]* host key is known/i],
  ['ssh_key_rejected', /permission denied \([^\n)]*publickey|load key "|too many authentication failures/i],
  ['dns', /could not resolve (?:host|proxy)|name or service not known|temporary failure in name resolution/i],
  ['redirected', /returned error: 30\d|base from redirection/i],
  ['rate_limited', /returned error: 429|HTTP 429/],
  ['auth', /returned error: 40[13]|HTTP 40[13]|authentication failed|could not read (?:username|password)/i],
  ['not_found', /returned error: 4(?:04|10)|HTTP 4(?:04|10)|repository '[^\n]*' not found/i],
  ['too_large', /returned error: 413|HTTP 413|request entity too large/i],
  ['server_error', /returned error: 5\d\d|HTTP 5\d\d|remote failed to report status/i],
  [
    'not_found',
    /repository not found|does not appear to be a git repository|project [^\n]* not (?:be )?found/i,
  ],
  ['auth', /access denied|marked as read[- ]only|permission to [^\n]* denied/i],
  ['stalled', /operation too slow|server [^\n]* not responding/i],
  ['tls', /(?:SSL|TLS|certificate)[^\n]*(?:problem|fail|error|expired|mismatch|verif|not match|alert)/i],
  ['address_denied', /transport '[^\n]*' not allowed|unsupported protocol|strange (?:host|path)name/i],
  ['object_format', /mismatched (?:object format|algorithm)|hash algorithm|unknown object format/i],
  ['disk_full', /no space left on device|disk quota exceeded|file too large/i],
  ['name_taken', /exists; cannot create/i],
  ['mirror_busy', /\.lock': file exists|another git process seems to be running/i],
  [
    'local_permission',
    /(?:unable to|cannot|could not|failed to) [^\n]*: permission denied|insufficient permission/i,
  ],
  ['local_permission', /read-only file system/i],
  [
    'not_git',
    /info\/refs not valid|bad line length|invalid server response|expected '?(?:service|packfile)/i,
  ],
  ['not_git', /invalid content[- ]type|protocol error|invalid ls-refs|unexpected response/i],
  ['ref_missing', /couldn't find remote ref|remote branch [^\n]* not found|not our ref|unadvertised object/i],
  ['bad_objects', /fsck error|not send all necessary objects|missing necessary objects|shallow/i],
  // A mirror that cannot be read also hangs up, so these stand before the lost connections.
  [
    'mirror_damaged',
    /not a git repository|does not match index|object [^\n]* is corrupt|invalid sha1 pointer/i,
  ],
  ['mirror_damaged', /bad (?:object|tree|signature|config)|unexpected line in|unterminated line|broken ref/i],
  [
    'mirror_damaged',
    /unable to read (?:sha1|tree|object)|missing (?:blob|tree|commit|object)|not a valid (?:object|commit)/i,
  ],
  ['unreachable', /failed to connect|couldn't connect|connection (?:refused|timed out|reset|closed|was)/i],
  ['unreachable', /operation timed out|no route to host|network is unreachable|broken pipe|recv failure/i],
  ['unreachable', /RPC failed; curl|early EOF|unexpected disconnect|hung up unexpectedly|empty reply from/i],
  ['unreachable', /kex_exchange_identification|transfer closed|banner exchange|send failure/i],
  ['unrelated', /unrelated histories/i],
  ['bad_objects', /index-pack|unpack failed|pack has bad object|pack is corrupted/i],
]

/** Names the reason of a failed git call; `unknown` when its words are new to us. Never throws. */
export function classify(stderr: string, exitCode: number): GitErrorKind {
  if (exitCode === MIRROR_BUSY_EXIT && stderr.trim() === '') return 'mirror_busy'
  const lines = stderr.split('\n').map((line) => line.slice(0, MAX_LINE))
  const isServer = (line: string): boolean => /^(?:remote:|ERROR:)/.test(line)
  const serverText = lines.filter(isServer).join('\n')
  const ownText = lines.filter((line) => !isServer(line)).join('\n')
  return match(SERVER_WORDS, serverText) ?? match(OWN_WORDS, ownText) ?? 'unknown'
}

// What the porcelain says about one ref, in parentheses.
const REF_WORDS: readonly Pattern[] = [
  ['name_taken', /directory[ /]file conflict/i],
  [
    'moved_meanwhile',
    /stale info|remote ref updated since|failed to (?:update|lock)|cannot lock|at [0-9a-f]+ but/i,
  ],
  ['non_fast_forward', /fetch first|non-fast-forward|needs force/i],
  ['tag_moved', /already exists|would clobber/i],
  ['protected', /protected|prohibited|currently checked out|hidden ref|rule violations/i],
  ['hook_declined', /hook declined/i],
  ['bad_objects', /shallow|missing necessary objects|unpack|bad pack/i],
]

/** Names why a server refused one ref; what the server printed beside it makes a declined hook more exact. */
export function classifyRef(reason: string, stderr: string): GitErrorKind {
  const kind = match(REF_WORDS, reason)
  if (kind !== undefined && kind !== 'hook_declined' && kind !== 'bad_objects') return kind
  const said = classify(stderr, 1)
  if (kind === undefined) return said
  if (kind === 'bad_objects') return said === 'too_large' || said === 'server_error' ? said : kind
  return said === 'protected' || said === 'too_large' || said === 'auth' ? said : kind
}

function match(patterns: readonly Pattern[], text: string): GitErrorKind | undefined {
  if (text === '') return undefined
  return patterns.find(([, pattern]) => pattern.test(text))?.[0]
}
