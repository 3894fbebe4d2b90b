// The names git gives to things, as types that only a parser can make.
// Nothing in this file does I/O, and every other folder may use it.

declare const brand: unique symbol
type Brand<Name extends string> = string & { readonly [brand]: Name }

/** A full object id: 40 (sha1) or 64 (sha256) lower-case hex digits, never all zeros. */
export type Sha = Brand<'Sha'>

/** A full ref name under `refs/heads/` or `refs/tags/`: the only names that ever travel. */
export type RefName = Brand<'RefName'>

/** A branch name without `refs/heads/`; it may contain slashes. */
export type BranchName = Brand<'BranchName'>

/** An address rebuilt by `binding/address.ts`: no credentials, no options, safe as a git operand. */
export type RemoteUrl = Brand<'RemoteUrl'>

/** A folder on this machine as a git operand; the path comes from the file system, never from a request. */
export function folderUrl(path: string): RemoteUrl {
  return `file://${encodeURI(path)}` as RemoteUrl
}

const SHA = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const ZERO = /^(?:0{40}|0{64})$/
const MAX_REF_BYTES = 255

export function isZeroSha(text: string): boolean {
  return ZERO.test(text)
}

export function toSha(text: string): Sha | undefined {
  const lower = text.toLowerCase()
  return SHA.test(lower) && !ZERO.test(lower) ? (lower as Sha) : undefined
}

/** Accepts what `git check-ref-format` accepts, minus names that do not travel. */
export function toRefName(text: string): RefName | undefined {
  if (!/^refs\/(?:heads|tags)\/./.test(text)) return undefined
  return isWellFormedRef(text) ? (text as RefName) : undefined
}

/**
 * Whether bytes that are no UTF-8 were lost when the name was read. Git takes any bytes for a name, but what is left
 * of these names another ref of the same repository, or none.
 */
export function isMangled(name: string): boolean {
  return name.includes('\uFFFD')
}

export function toBranchName(text: string): BranchName | undefined {
  if (text.startsWith('-') || text === 'HEAD') return undefined
  return toRefName(`refs/heads/${text}`) === undefined ? undefined : (text as BranchName)
}

export function branchRef(branch: BranchName): RefName {
  return `refs/heads/${branch}` as RefName
}

export function isBranchRef(ref: RefName): boolean {
  return ref.startsWith('refs/heads/')
}

export function isTagRef(ref: RefName): boolean {
  return ref.startsWith('refs/tags/')
}

/** The ref that keeps another one from being made: its own name, a folder of it, or a name that it is the folder of. */
export function refInTheWay(wanted: RefName, refs: Iterable<string>): string | undefined {
  for (const ref of refs) {
    if (ref === wanted || ref.startsWith(`${wanted}/`) || wanted.startsWith(`${ref}/`)) return ref
  }
  return undefined
}

/** `main` for `refs/heads/main`, `v1` for `refs/tags/v1`. */
export function shortName(ref: RefName): string {
  return ref.replace(/^refs\/(?:heads|tags)\//, '')
}

// The rules of git-check-ref-format(1), and a length that every file system can hold.
function isWellFormedRef(ref: string): boolean {
  if (Buffer.byteLength(ref) > MAX_REF_BYTES) return false
  if (/[\u0000-\u0020\u007f~^:?*[\\]/.test(ref)) return false
  if (ref.includes('..') || ref.includes('@{') || ref.includes('//')) return false
  // A branch called refs/heads/main: git could then no longer tell which of the two a push of main means.
  if (/^refs\/(?:heads|tags)\/refs\//.test(ref)) return false
  if (ref.endsWith('/') || ref.endsWith('.')) return false
  return ref.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'))
}
