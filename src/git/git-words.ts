import type { Pattern } from './server-words.ts'

// What git, curl and ssh themselves print, and what git puts beside a ref that was not pushed.

/** The first hit decides. */
export const GIT_WORDS: readonly Pattern[] = [
  ['proxy', /could not resolve proxy|CONNECT tunnel failed|code \d+ from proxy|returned error: 407/i],
  ['proxy', /HTTP 407/i],
  ['proxy', /connection to proxy|proxy CONNECT aborted|SOCKS[45]/i],
  ['ssh_outdated', /no matching (?:host key type|key exchange|cipher|mac)|no mutual signature/i],
  ['host_key_changed', /REMOTE HOST IDENTIFICATION HAS CHANGED/i],
  ['host_key_unknown', /host key verification failed|no .* host key is known/i],
  ['ssh_key_rejected', /permission denied(?: \(|, please)|load key "|too many authentication failures/i],
  ['ssh_key_rejected', /unprotected private key|sign_and_send_pubkey/i],
  ['dns', /could not resolve host|name or service not known|temporary failure in name/i],
  ['dns', /resolving timed out/i],

  // What HTTP says when the body of the answer does not say more.
  ['redirected', /returned error: 30\d|base from redirection/i],
  ['rate_limited', /returned error: 429|HTTP 429/],
  ['auth', /returned error: 40[13]|HTTP 40[13]|authentication failed/i],
  ['auth', /could not read (?:username|password)/i],
  ['not_found', /returned error: 4(?:04|10)|HTTP 4(?:04|10)|repository '.*' not found/i],
  ['too_large', /returned error: 41[13]|HTTP 41[13]|request entity too large/i],
  ['blocked', /returned error: 4(?:02|51)|HTTP 4(?:02|51)/],
  ['read_only', /returned error: 423|HTTP 423/],
  ['server_error', /returned error: (?:5\d\d|408|409|425)|HTTP (?:5\d\d|408|409|425)/],
  ['server_error', /remote failed to report status/i],
  ['not_git', /returned error: 4\d\d|HTTP 4\d\d/],

  ['not_found', /repository not found|does not appear to be a git repository/i],
  ['not_found', /project .* not (?:be )?found/i],
  ['stalled', /operation too slow|server .* not responding/i],
  // A connection that breaks while it is encrypted is no fault of anybody's certificate.
  ['unreachable', /non-properly terminated|SSL_ERROR_(?:SYSCALL|ZERO)|unexpected eof/i],
  ['unreachable', /in the (?:pull|push) func/i],
  ['unreachable', /TLS packet with unexpected length|(?:SSL|TLS) connection time/i],
  ['unreachable', /errno (?:104|1005\d|10060)/i],
  ['unreachable', /(?:SSL|TLS).*(?:connection (?:was )?(?:reset|aborted)|reset by peer|broken pipe)/i],
  ['tls', /(?:SSL|TLS|certificate).*(?:problem|fail|error|expir|mismatch|verif|not match|alert|activated)/i],
  ['tls', /subject name|SSL routines|unexpected TLS packet|illegal or unsupported version/i],
  // What this machine lacks also makes the helpers hang up, so it stands before the lost connections.
  ['disk_full', /no space left on device|disk quota exceeded|file too large/i],
  ['out_of_memory', /out of memory|cannot allocate|died of signal 9|too many open files/i],
  ['out_of_memory', /(?:fork|thread).*(?:temporarily unavailable)|malloc failed|mmap failed/i],
  // Git's complaint about what is missing then follows from the connection that broke.
  ['unreachable', /RPC failed; curl (?:16|18|28|52|55|56|92)\b/],
  ['address_denied', /transport '.*' not allowed|unsupported protocol|strange (?:host|path)name/i],
  ['address_denied', /protocol .* not supported|remote helper|plaintext credentials/i],
  ['not_git', /refs not valid|is this a git repository|bad line length/i],
  [
    'not_git',
    /expected '?(?:service|packfile|acknowledgments)|bad band|flush packet|flush after|HTTP\/0\.9/i,
  ],
  ['object_format', /mismatched (?:object format|algorithm)|hash algorithm|unknown object format/i],
  ['mirror_busy', /unable to create '.*': file exists|another git process seems to be running/i],
  [
    'local_permission',
    /(?:unable to|cannot|could not|failed to) .*: (?:permission denied|operation not permit)/i,
  ],
  ['local_permission', /insufficient permission|read-only file system|dubious ownership/i],
  ['not_git', /invalid content[- ]type|protocol error|invalid ls-refs|unexpected response/i],
  ['ref_missing', /couldn't find remote ref|remote branch .* not found|not our ref|unadvertised object/i],
  ['shallow', /shallow/i],
  ['bad_objects', /pack has bad object|fsck error|not send all necessary objects/i],
  ['bad_objects', /missing necessary objects/i],
  // A name that the mirror knows from before is in the way of one that has come since.
  ['mirror_damaged', /exists; cannot create|refname conflict|info\/alternates|alternate object/i],
  ['mirror_damaged', /not a git repository|does not match index|object .* is corrupt/i],
  ['mirror_damaged', /invalid sha1 pointer/i],
  ['mirror_damaged', /bad (?:object|tree|signature|config)|unexpected line in|unterminated line/i],
  ['mirror_damaged', /broken ref/i],
  ['mirror_damaged', /unable to read (?:sha1|tree|object)|missing (?:blob|tree|commit|object)/i],
  ['mirror_damaged', /not a valid (?:object|commit)/i],
  ['too_many_refs', /argument list too long/i],

  ['unreachable', /failed to connect|couldn't connect|connection (?:refused|timed out|reset|closed|was)/i],
  ['unreachable', /operation timed out|no route to host|network is unreachable|broken pipe|recv failure/i],
  ['unreachable', /RPC failed; curl|early EOF|unexpected disconnect|hung up|empty reply from|HTTP\/?2/i],
  ['unreachable', /kex_exchange_identification|transfer closed|banner exchange|send failure|host is down/i],
  ['unreachable', /connection to .*(?:closed|abort|timed out)|ssh_dispatch_run_fatal/i],
  ['unreachable', /request failed on channel/i],
  ['unreachable', /session open refused|session request failed/i],
  ['unrelated', /unrelated histories/i],
  ['bad_objects', /index-pack|unpack failed|pack is corrupted/i],
]

/** The reason in parentheses: git's own, and that of a server that runs git or JGit. */
export const REF_WORDS: readonly Pattern[] = [
  ['name_taken', /refname conflict|name conflict|exists; cannot create/i],
  ['moved_meanwhile', /stale info|remote ref updated since|failed to (?:update|lock)|cannot lock/i],
  ['moved_meanwhile', /at [0-9a-f]+ but|reference (?:already exists|does not exist)|incorrect old value/i],
  ['non_fast_forward', /fetch first|non-?fast[- ]forward|needs force/i],
  ['tag_moved', /already exists|would clobber/i],
  ['protected', /protected|prohibited|currently checked out|hidden ref|rule violations/i],
  ['hook_declined', /hook declined|push declined/i],
  ['shallow', /shallow/i],
  ['bad_objects', /missing necessary objects|missing object|unpack|bad pack/i],
  // Whether it was done is not known.
  ['server_error', /failed to report status/i],
]
