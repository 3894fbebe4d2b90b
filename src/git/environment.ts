// The environment git runs in, built from nothing: neither the daemon's own environment nor any
// configuration of the machine or its user comes in. What is set here stands above the configuration
// of a repository, and unlike arguments it is not visible to other users.

type Setting = readonly [key: string, value: string]

/** What one call may reach, and how it proves who it is; made by `access.ts`. */
export type RemoteAccess = {
  /** The only transport that git may use in this call. */
  readonly protocol: 'http' | 'https' | 'ssh' | 'file'
  readonly settings: readonly Setting[]
  readonly variables: Readonly<Record<string, string>>
  /** What ssh has to be given when it is called without git, and where it leads. */
  readonly ssh?: { readonly options: readonly string[]; readonly addresses: readonly string[] }
  /** Every form in which a secret could show up in what git prints. */
  readonly secrets: readonly string[]
}

const VARIABLES: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  XDG_CONFIG_HOME: '/nonexistent',
  LC_ALL: 'C',
  LANG: 'C',
  TZ: 'UTC',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  // Empty, not absent: git would fall back to other programs that ask.
  GIT_ASKPASS: '',
  SSH_ASKPASS: '/bin/false',
  SSH_ASKPASS_REQUIRE: 'never',
  GIT_PROTOCOL_FROM_USER: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_NO_LAZY_FETCH: '1',
  GIT_DEFAULT_REF_FORMAT: 'files',
  GIT_PAGER: 'cat',
  GIT_EDITOR: 'false',
}

const SETTINGS: readonly Setting[] = [
  ['protocol.allow', 'never'],
  ['http.followRedirects', 'false'],
  ['http.sslVerify', 'true'],
  ['http.proxy', ''],
  ['http.cookieFile', ''],
  ['credential.helper', ''],
  ['core.askPass', ''],
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.alternateRefsCommand', 'true'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['init.templateDir', ''],
  ['core.protectHFS', 'true'],
  ['core.protectNTFS', 'true'],
  ['core.symlinks', 'false'],
  ['core.bigFileThreshold', '8m'],
  ['core.logAllRefUpdates', 'false'],
  ['core.filesRefLockTimeout', '5000'],
  ['core.packedRefsTimeout', '5000'],
  ['transfer.fsckObjects', 'true'],
  // Harmless flaws of old histories; as errors they would keep whole projects from travelling.
  ['fetch.fsck.zeroPaddedFilemode', 'warn'],
  ['fetch.fsck.missingSpaceBeforeDate', 'warn'],
  ['fetch.fsck.badTimezone', 'warn'],
  ['transfer.unpackLimit', '1'],
  ['fetch.unpackLimit', '1'],
  ['transfer.bundleURI', 'false'],
  ['transfer.credentialsInUrl', 'die'],
  ['fetch.recurseSubmodules', 'false'],
  ['submodule.recurse', 'false'],
  ['push.recurseSubmodules', 'no'],
  ['push.followTags', 'false'],
  ['push.default', 'nothing'],
  ['push.gpgSign', 'false'],
  ['fetch.prune', 'false'],
  ['fetch.pruneTags', 'false'],
  ['fetch.writeCommitGraph', 'false'],
  ['gc.auto', '0'],
  ['gc.autoDetach', 'false'],
  ['maintenance.auto', 'false'],
  ['pack.threads', '1'],
  ['pack.windowMemory', '64m'],
  ['safe.bareRepository', 'explicit'],
  ['protocol.version', '2'],
  ['color.ui', 'false'],
]

// A mirror can be fetched again, so it need not survive a power cut; a backup must.
const DISPOSABLE: readonly Setting[] = [['core.fsync', 'none']]
const DURABLE: readonly Setting[] = [
  ['core.fsync', 'all'],
  ['core.fsyncMethod', 'fsync'],
]

/** The whole environment of one git call. */
export function gitEnvironment(options: {
  readonly access: RemoteAccess | undefined
  readonly durable: boolean
  /** Git looks for a repository no further up than here. */
  readonly ceiling: string
  readonly variables?: Readonly<Record<string, string>> | undefined
}): Readonly<Record<string, string>> {
  const settings = [
    ...SETTINGS,
    ...(options.durable ? DURABLE : DISPOSABLE),
    ...(options.access?.settings ?? []),
  ]
  return {
    ...VARIABLES,
    ...options.access?.variables,
    ...options.variables,
    GIT_CEILING_DIRECTORIES: options.ceiling,
    GIT_ALLOW_PROTOCOL: options.access?.protocol ?? 'none',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  }
}
