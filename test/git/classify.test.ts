import fc from 'fast-check'
import { expect, test } from 'vitest'
import { classify, classifyRef } from '../../src/git/classify.ts'
import { canHeal } from '../../src/git/git-error.ts'
import type { GitErrorKind } from '../../src/git/git-error.ts'
import { collectMessages, readLines } from '../../src/git/output.ts'

const WORDINGS: readonly (readonly [GitErrorKind, string])[] = [
  [
    'ssh_key_rejected',
    'git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.',
  ],
  [
    'host_key_unknown',
    'No ED25519 host key is known for x and you have requested strict checking.\nHost key verification failed.',
  ],
  [
    'host_key_changed',
    '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.',
  ],
  ['not_found', 'ERROR: Repository not found.\nfatal: Could not read from remote repository.'],
  ['not_found', "remote: Repository not found.\nfatal: repository 'https://github.com/a/b.git/' not found"],
  [
    'not_found',
    "remote: The project you were looking for could not be found or you don't have permission to view it.\nfatal: repository 'https://gitlab.com/a/b.git/' not found",
  ],
  ['not_found', 'Gitea: Unknown git command\nremote: Gitea: Cannot find repository: a/b'],
  ['not_found', "fatal: '/srv/a.git' does not appear to be a git repository"],
  ['dns', "fatal: unable to access 'https://x/': Could not resolve host: x"],
  ['dns', 'ssh: Could not resolve hostname x: Name or service not known'],
  [
    'unreachable',
    "fatal: unable to access 'https://x/': Failed to connect to x port 443: Connection refused",
  ],
  [
    'unreachable',
    'ssh: connect to host x port 22: Connection timed out\nfatal: Could not read from remote repository.',
  ],
  [
    'unreachable',
    'error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output',
  ],
  ['unreachable', 'kex_exchange_identification: Connection closed by remote host'],
  [
    'stalled',
    "fatal: unable to access 'https://x/': Operation too slow. Less than 10 bytes/sec transferred the last 60 seconds",
  ],
  [
    'tls',
    "fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none CRLfile: none",
  ],
  ['tls', "fatal: unable to access 'https://x/': SSL certificate problem: self-signed certificate"],
  ['proxy_refused', "fatal: unable to access 'https://x/': Received HTTP code 407 from proxy after CONNECT"],
  ['proxy_refused', "fatal: unable to access 'https://x/': CONNECT tunnel failed, response 403"],
  ['proxy_refused', "fatal: unable to access 'http://x/': The requested URL returned error: 407"],
  ['unreachable', "fatal: unable to access 'https://x/': Received HTTP code 503 from proxy after CONNECT"],
  ['unreachable', "fatal: unable to access 'https://x/': CONNECT tunnel failed, response 502"],
  ['unreachable', "fatal: unable to access 'https://x/': Proxy CONNECT aborted"],
  ['dns', "fatal: unable to access 'https://x/': Could not resolve proxy: proxy.corp.example"],
  [
    'auth',
    "remote: HTTP Basic: Access denied. The provided password or token is incorrect.\nfatal: Authentication failed for 'https://x/'",
  ],
  [
    'auth',
    "remote: Support for password authentication was removed on August 13, 2021.\nfatal: Authentication failed for 'https://x/'",
  ],
  [
    'auth',
    "remote: Permission to a/b.git denied to ada.\nfatal: unable to access 'https://x/': The requested URL returned error: 403",
  ],
  [
    'auth',
    "remote: Write access to repository not granted.\nfatal: unable to access 'https://x/': The requested URL returned error: 403",
  ],
  ['auth', 'ERROR: The key you are authenticating with has been marked as read only.'],
  ['auth', "fatal: could not read Username for 'https://x': terminal prompts disabled"],
  ['auth', 'remote: GitLab: You are not allowed to push code to this project.'],
  [
    'auth',
    "remote: [session-1a2b] a/b: Incorrect username or password (access token)\nfatal: Authentication failed for 'https://gitee.com/a/b.git/'",
  ],
  ['redirected', "fatal: unable to access 'http://x/': The requested URL returned error: 302"],
  ['rate_limited', "fatal: unable to access 'https://x/': The requested URL returned error: 429"],
  ['server_error', "fatal: unable to access 'https://x/': The requested URL returned error: 503"],
  [
    'server_error',
    'error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\nsend-pack: unexpected disconnect while reading sideband packet\nfatal: the remote end hung up unexpectedly',
  ],
  [
    'server_error',
    'remote: fatal: write error: No space left on device\nerror: remote unpack failed: unpack-objects abnormal exit',
  ],
  ['too_large', 'error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413'],
  [
    'too_large',
    "remote: error: GH001: Large files detected.\nremote: error: File a.bin is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB",
  ],
  ['not_git', 'fatal: https://x/info/refs not valid: is this a git repository?'],
  ['not_git', 'fatal: protocol error: bad line length character: <htm'],
  ['address_denied', "fatal: transport 'ext' not allowed"],
  [
    'local_permission',
    'error: unable to create temporary file: Permission denied\nfatal: failed to write object',
  ],
  ['local_permission', "fatal: could not create leading directories of '/x': Permission denied"],
  ['disk_full', 'fatal: write error: No space left on device'],
  ['mirror_busy', "error: cannot lock ref 'refs/x': Unable to create '/m/refs/x.lock': File exists."],
  ['mirror_damaged', "fatal: not a git repository: '/sync/a.git'"],
  [
    'mirror_damaged',
    'fatal: bad object 1234567890123456789012345678901234567890\nfatal: the remote end hung up unexpectedly',
  ],
  [
    'mirror_damaged',
    'error: object file ./objects/12/34 is empty\nfatal: loose object 1234 (stored in ./objects/12/34) is corrupt',
  ],
  ['ref_missing', "fatal: couldn't find remote ref refs/heads/gone"],
  ['ref_missing', 'fatal: remote error: upload-pack: not our ref 1234'],
  ['object_format', 'fatal: mismatched algorithms: client sha1; server sha256'],
  [
    'bad_objects',
    'error: object 1234: zeroPaddedFilemode: contains zero-padded file modes\nfatal: fsck error in packed object\nfatal: fetch-pack: invalid index-pack output',
  ],
  ['bad_objects', 'fatal: bad object 1234\nerror: https://x did not send all necessary objects'],
  ['unknown', 'something that nobody has ever seen'],
  ['unknown', ''],
]

test.each(WORDINGS)('%s is recognised in %j', (kind, stderr) => {
  expect(classify(stderr, 128)).toBe(kind)
})

const REFUSALS: readonly (readonly [GitErrorKind, string, string])[] = [
  [
    'protected',
    'protected branch hook declined',
    'remote: error: GH006: Protected branch update failed for refs/heads/main.',
  ],
  [
    'protected',
    'push declined due to repository rule violations',
    'remote: error: GH013: Repository rule violations found',
  ],
  [
    'protected',
    'pre-receive hook declined',
    'remote: GitLab: You are not allowed to push code to protected branches on this project.',
  ],
  [
    'protected',
    'pre-receive hook declined',
    'remote: GitLab: You are not allowed to force push code to a protected branch on this project.',
  ],
  ['protected', 'pre-receive hook declined', 'remote: Gitea: Not allowed to push to protected branch main'],
  ['protected', 'pre-receive hook declined', 'remote: 分支 main 是受保护分支'],
  [
    'protected',
    'deletion of the current branch prohibited',
    'remote: error: refusing to delete the current branch: refs/heads/main',
  ],
  ['protected', 'deletion prohibited', ''],
  ['protected', 'deny updating a hidden ref', ''],
  [
    'too_large',
    'pre-receive hook declined',
    "remote: error: GH001: Large files detected. this exceeds GitHub's file size limit of 100.00 MB",
  ],
  ['auth', 'pre-receive hook declined', 'remote: GitLab: You are not allowed to push code to this project.'],
  ['hook_declined', 'pre-receive hook declined', 'remote: commit message must name a ticket'],
  ['hook_declined', 'hook declined', ''],
  ['non_fast_forward', 'fetch first', ''],
  ['non_fast_forward', 'non-fast-forward', ''],
  ['tag_moved', 'already exists', ''],
  ['moved_meanwhile', 'stale info', ''],
  [
    'moved_meanwhile',
    'failed to update ref',
    "remote: error: cannot lock ref 'refs/heads/main': is at 12 but expected 34",
  ],
  ['bad_objects', 'shallow update not allowed', ''],
  ['server_error', 'unpacker error', 'remote: fatal: No space left on device'],
]

test.each(REFUSALS)('%s is recognised in a refusal for "%s" beside %j', (kind, reason, stderr) => {
  expect(classifyRef(reason, stderr)).toBe(kind)
})

test('whatever is printed has a kind, and every kind says whether it heals', () => {
  const words = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      ...WORDINGS.map(([, text]) => text),
      ...REFUSALS.map(([, reason]) => reason),
      'remote: ',
      '\n',
      "'",
    ),
  )

  fc.assert(
    fc.property(fc.array(words, { maxLength: 20 }), fc.integer({ min: 0, max: 255 }), (parts, exitCode) => {
      const text = parts.join('')
      expect(typeof canHeal(classify(text, exitCode))).toBe('boolean')
      expect(typeof canHeal(classifyRef(text, text))).toBe('boolean')
    }),
  )
})

test('a message as long as they may get is judged quickly', () => {
  const hostile = [
    'remote: exceeds '.repeat(4000),
    'not allowed to push '.repeat(3000),
    'object '.repeat(9000),
  ]

  const start = performance.now()
  for (const text of hostile) classify(`${text}\nremote: ${text}`, 1)

  expect(performance.now() - start).toBeLessThan(1000)
})

test('lines come out whole, however they arrive', () => {
  const texts = fc.array(
    fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll('\n', ' ')),
  )

  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 7 }), (lines, size) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      const seen: string[] = []
      const reader = readLines((line) => void seen.push(line))
      for (let start = 0; start < bytes.length; start += size)
        reader.write(bytes.subarray(start, start + size))
      reader.end()
      expect(seen).toEqual(lines.map((line) => Buffer.from(line).toString()))
    }),
  )
})

test('of a flood of messages the end is kept, and progress is not among them', () => {
  const progress: string[] = []
  const messages = collectMessages(['s3cret'], (text) => void progress.push(text))

  messages.write(Buffer.from('Receiving objects:  50% (1/2)\rReceiving objects: 100% (2/2) s3cret, done.\n'))
  for (let index = 0; index < 20_000; index += 1) messages.write(Buffer.from(`remote: line ${index}\n`))
  messages.write(Buffer.from('fatal: s3cret\u001b[31m is wrong'))
  messages.end()

  expect(progress).toEqual(['Receiving objects:  50% (1/2)', 'Receiving objects: 100% (2/2) ***, done.'])
  expect(messages.clean().length).toBeLessThanOrEqual(64 * 1024)
  expect(messages.clean().endsWith('remote: line 19999\nfatal: *** is wrong')).toBe(true)
})
