import { createHash } from 'node:crypto'
import { constants, inflateSync } from 'node:zlib'
import { applyDelta } from './delta.ts'
import { malformed } from './wire-error.ts'

// The commits at the front of a pack, hashed as they pass. Git writes all commits before anything else, so
// nothing is looked at after the first object that is neither a commit nor made from one before it.

export type PackedCommit = { readonly sha: string; readonly parents: readonly string[] }

export type CommitReader = {
  /** The commits that the bytes complete. Throws a `WireError` at what is no pack. */
  readonly take: (chunk: Buffer) => readonly PackedCommit[]
  /** Whether no more commits can come. */
  readonly isOver: () => boolean
}

const HEADER_BYTES = 12
// A pack that somebody made to cost us time is given up; a hundred thousand honest commits are far below.
const MAX_WORK = 128 * 2 ** 20
const WORK_PER_LOOK = 1024
// Longer messages are nobody's.
const MAX_COMMIT = 2 ** 20
// What may be the base of another commit is kept so long.
const MAX_KEPT = 8 * 2 ** 20

export function createCommitReader(): CommitReader {
  const bases = keepBases()
  let rest: Buffer = Buffer.alloc(0)
  let left: number | undefined
  // Of the first byte of `rest`, in the pack.
  let position = 0
  let work = 0
  let isOver = false

  function read(bytes: Buffer): readonly PackedCommit[] {
    const commits: PackedCommit[] = []
    let at = 0
    if (left === undefined) {
      if (bytes.length < HEADER_BYTES) return keep(bytes, 0, commits)
      left = countObjects(bytes)
      at = HEADER_BYTES
    }
    while (left > 0) {
      const object = readCommit(bytes, at)
      if (object === 'partial') return keep(bytes, at, commits)
      if (object === 'other') break
      bases.add(position + at, object.content)
      commits.push(parseCommit(object.content))
      at += object.bytes
      left -= 1
    }
    isOver = true
    return keep(Buffer.alloc(0), 0, commits)
  }

  function keep(bytes: Buffer, at: number, commits: readonly PackedCommit[]): readonly PackedCommit[] {
    rest = bytes.subarray(at)
    position += at
    return commits
  }

  function readCommit(bytes: Buffer, start: number): 'partial' | 'other' | ReadCommit {
    const header = parseObjectHeader(bytes, start)
    if (header === undefined) return 'partial'
    const base = header.distance === undefined ? undefined : bases.find(position + start - header.distance)
    const isCommit = header.type === COMMIT || base !== undefined
    if (!isCommit || header.size > MAX_COMMIT || work > MAX_WORK) return 'other'
    const from = start + header.bytes
    // More than a deflated object of the size can take, and no more than needed.
    const limit = header.size + (header.size >> 8) + 256
    const { content, used } = inflate(bytes.subarray(from, from + limit), header.size)
    work += content.length + WORK_PER_LOOK
    const available = Math.min(bytes.length - from, limit)
    // Only what has ended leaves something behind it, and the checksum of the pack always follows.
    if (used === available) return available === limit ? 'other' : 'partial'
    if (content.length !== header.size) throw malformed('an object of the pack has another size than it says')
    return {
      content: base === undefined ? content : applyDelta(base, content, MAX_COMMIT),
      bytes: header.bytes + used,
    }
  }

  return {
    take: (chunk) => {
      if (isOver) return []
      return read(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]))
    },
    isOver: () => isOver,
  }
}

type ReadCommit = { readonly content: Buffer; readonly bytes: number }

// By where they stand in the pack; the oldest are forgotten first.
function keepBases() {
  const bases = new Map<number, Buffer>()
  let size = 0
  return {
    find: (position: number): Buffer | undefined => bases.get(position),
    add: (position: number, content: Buffer): void => {
      bases.set(position, content)
      size += content.length
      for (const [oldest, forgotten] of bases) {
        if (size <= MAX_KEPT) break
        bases.delete(oldest)
        size -= forgotten.length
      }
    },
  }
}

function countObjects(bytes: Buffer): number {
  const version = bytes.readUInt32BE(4)
  if (bytes.toString('latin1', 0, 4) !== 'PACK' || (version !== 2 && version !== 3)) {
    throw malformed('this is no pack')
  }
  return bytes.readUInt32BE(8)
}

const COMMIT = 1
const DELTA_BY_DISTANCE = 6

type ObjectHeader = {
  readonly type: number
  readonly size: number
  /** How far before this object its base stands. */
  readonly distance: number | undefined
  readonly bytes: number
}

// The type in three bits, the size in four and then seven bits per byte, the lowest first.
function parseObjectHeader(bytes: Buffer, start: number): ObjectHeader | undefined {
  let byte = bytes[start]
  if (byte === undefined) return undefined
  const type = (byte >> 4) & 7
  let size = byte & 15
  let at = start + 1
  for (let factor = 16; byte >= 128; factor *= 128) {
    byte = bytes[at]
    if (byte === undefined) return undefined
    size += (byte & 127) * factor
    if (!Number.isSafeInteger(size)) throw malformed('an object of the pack is larger than anything')
    at += 1
  }
  if (type !== DELTA_BY_DISTANCE) return { type, size, distance: undefined, bytes: at - start }
  const base = parseDistance(bytes, at)
  return base === undefined ? undefined : { type, size, distance: base.distance, bytes: base.end - start }
}

// Seven bits per byte, the highest first; each further byte counts one more, so that no number has two forms.
function parseDistance(
  bytes: Buffer,
  start: number,
): { readonly distance: number; readonly end: number } | undefined {
  let distance = -1
  for (let at = start; ; at += 1) {
    const byte = bytes[at]
    if (byte === undefined) return undefined
    distance = (distance + 1) * 128 + (byte & 127)
    if (!Number.isSafeInteger(distance)) throw malformed('the base of an object is nowhere')
    if (byte < 128) return { distance, end: at + 1 }
  }
}

function inflate(
  bytes: Buffer,
  maxOutputLength: number,
): { readonly content: Buffer; readonly used: number } {
  try {
    const result: unknown = inflateSync(bytes, {
      info: true,
      finishFlush: constants.Z_SYNC_FLUSH,
      chunkSize: Math.max(maxOutputLength, 64),
      maxOutputLength: Math.max(maxOutputLength, 1),
    })
    if (isInflated(result)) return { content: result.buffer, used: result.engine.bytesWritten }
  } catch (error) {
    throw malformed(`an object of the pack cannot be read (${error instanceof Error ? error.message : ''})`)
  }
  throw new Error('zlib has not told how much it read')
}

type Inflated = { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }

function isInflated(result: unknown): result is Inflated {
  return typeof result === 'object' && result !== null && 'buffer' in result && 'engine' in result
}

const TREE = /^tree [0-9a-f]{40}\n$/
const PARENT = /^parent ([0-9a-f]{40})\n$/
const TREE_BYTES = 46
const PARENT_BYTES = 48

// As git reads it: one tree, then the parents, and nothing that only looks like one further down.
function parseCommit(content: Buffer): PackedCommit {
  if (!TREE.test(content.toString('latin1', 0, TREE_BYTES))) throw malformed('a commit names no tree')
  const parents: string[] = []
  for (let at = TREE_BYTES; ; at += PARENT_BYTES) {
    const [, parent] = PARENT.exec(content.toString('latin1', at, at + PARENT_BYTES)) ?? []
    if (parent === undefined) break
    parents.push(parent)
  }
  const sha = createHash('sha1').update(`commit ${content.length}\0`).update(content).digest('hex')
  return { sha, parents }
}
