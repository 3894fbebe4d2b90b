import { expect, test } from 'vitest'
import type { Step } from '../rig/fault-forge.ts'
import type { ForgeFault } from '../rig/forge-faults.ts'
import { foretold, play, titled } from './story.ts'
import type { Story } from './story.ts'

// Every way in which a single request can go wrong, at every step of a sync.

type Ends = NonNullable<Story['ends']>

/** One row: where it happens, what happens, and how the first try ends. */
function at(
  id: string,
  end: 'source' | 'target',
  step: Step,
  what: string,
  fault: ForgeFault,
  ends: Ends,
  more: Partial<Story> = {},
): Story {
  return {
    id,
    what: `${end}, ${step}: ${what}`,
    arrange: ({ inflict }) => inflict(end, step, fault),
    ends,
    meetsNew: true,
    ...more,
  }
}

function silent(
  id: string,
  end: 'source' | 'target',
  step: Step,
  what: string,
  fault: ForgeFault,
  more: Partial<Story> = {},
): Story {
  return at(id, end, step, what, fault, 'stalled', { stalls: true, ...more })
}

// The relay asks nobody what the server can do.
const UNASKED = { carriers: ['git'] } as const
// After a doubt git asks anew, and finds everything done.
const DONE = { endsRelayed: 'succeeded' } as const

const HANG = { kind: 'hang' } as const
const DRIP = { kind: 'drip', pauseMs: 500 } as const
const PAGE = { kind: 'page' } as const
const NOISE = { kind: 'noise' } as const
const CLOSED = { kind: 'cut', in: 'answer', afterBytes: 0 } as const

function answer(kind: 'stall' | 'cut' | 'reset', afterBytes: number): ForgeFault {
  return { kind, in: 'answer', afterBytes }
}

function request(kind: 'stall' | 'cut' | 'reset', afterBytes: number): ForgeFault {
  return { kind, in: 'request', afterBytes }
}

function status(code: number, body = ''): ForgeFault {
  return { kind: 'status', status: code, body }
}

const SILENT: readonly Story[] = [
  silent('R1', 'source', 'info', 'never answers', HANG, UNASKED),
  silent('R1', 'source', 'list', 'never answers', HANG),
  silent('R1', 'source', 'fetch', 'never answers', HANG),
  silent('R1', 'target', 'push-info', 'never answers', HANG, UNASKED),
  silent('R1', 'target', 'push', 'never answers, and has not done it', HANG),
  silent('R1', 'target', 'push', 'never answers, and has done it', { kind: 'mute' }, DONE),
  silent('R2', 'source', 'list', 'answers a byte at a time', DRIP),
  silent('R2', 'source', 'fetch', 'answers a byte at a time', DRIP),
  silent('R2', 'target', 'push', 'answers a byte at a time', DRIP, DONE),
  silent('R3', 'source', 'fetch', 'stops in the middle of the pack', answer('stall', 60)),
  silent('R3', 'source', 'list', 'stops in the middle of the listing', answer('stall', 30)),
  silent('R3', 'target', 'push', 'stops taking the pack in its middle', request('stall', 60)),
  silent('R3', 'target', 'push', 'stops in the middle of its report', answer('stall', 10), DONE),
]

const BROKEN: readonly Story[] = [
  at('R3', 'source', 'info', 'closes the connection at once', CLOSED, 'unreachable', UNASKED),
  at('R3', 'source', 'list', 'cuts the listing', answer('cut', 30), 'unreachable'),
  at('R3', 'source', 'fetch', 'cuts the pack', answer('cut', 60), 'unreachable'),
  at(
    'R3',
    'source',
    'fetch',
    'resets the connection in the middle of the pack',
    answer('reset', 60),
    'unreachable',
  ),
  at('R3', 'source', 'list', 'announces more than it sends', { kind: 'short' }, 'unreachable'),
  at('R3', 'source', 'info', 'speaks no HTTP', NOISE, 'not_git', UNASKED),
  at('R3', 'target', 'push-info', 'closes the connection at once', CLOSED, 'unreachable', UNASKED),
  at(
    'C7',
    'target',
    'push',
    'cuts the connection before it has everything',
    request('cut', 60),
    'unreachable',
  ),
  at(
    'C7',
    'target',
    'push',
    'resets the connection before it has everything',
    request('reset', 60),
    'unreachable',
  ),
  at('C8', 'target', 'push', 'does it and closes the connection', { kind: 'lose' }, 'unreachable', DONE),
  at('C8', 'target', 'push', 'does it and cuts its report', answer('cut', 10), 'unreachable', DONE),
  at('C8', 'target', 'push', 'does it and resets the connection', answer('reset', 10), 'unreachable', DONE),
  at('R3', 'target', 'push', 'speaks no HTTP', NOISE, 'not_git'),
]

const REFUSING: readonly Story[] = [
  ...[500, 502, 503, 504].map((code) =>
    at('R4', 'source', 'info', `${code}`, status(code), 'server_error', UNASKED),
  ),
  ...[500, 503].map((code) => at('R4', 'target', 'push', `${code}`, status(code), 'server_error')),
  at('R4', 'target', 'push-info', '502', status(502), 'server_error', UNASKED),
  at('R4', 'source', 'fetch', '504', status(504), 'server_error'),
  at('R5', 'source', 'info', '429', status(429), 'rate_limited', UNASKED),
  at('R5', 'target', 'push', '429', status(429), 'rate_limited'),
  at('R6', 'source', 'info', '401', status(401), 'auth', UNASKED),
  at('R6', 'target', 'push-info', '403', status(403), 'auth', UNASKED),
  at('R6', 'target', 'push', '401 in the middle of it', status(401), 'auth'),
  at('R6', 'source', 'fetch', '403 in the middle of it', status(403), 'auth'),
  at('R7', 'source', 'info', '404', status(404), 'not_found', UNASKED),
  at('R7', 'target', 'push-info', '410', status(410), 'not_found', UNASKED),
  at('R7', 'target', 'push', '404 in the middle of it', status(404), 'not_found'),
  at('R8', 'target', 'push', '413', status(413), 'too_large'),
  at('R24', 'source', 'info', 'a login page', PAGE, 'not_git', UNASKED),
  at('R24', 'source', 'list', 'a login page', PAGE, 'not_git'),
  at('R24', 'source', 'fetch', 'a login page', PAGE, 'not_git'),
  at('R24', 'target', 'push-info', 'a login page', PAGE, 'not_git', UNASKED),
  at('R24', 'target', 'push', 'a login page', PAGE, 'not_git'),
]

// What a refusal says does not depend on the way, so each is met in one of them.
const REFUSED = REFUSING.map((story, number): Story => ({
  ...story,
  ways: [number % 2 === 0 ? 'to_outer' : 'both'],
}))

test.each(titled([...SILENT, ...BROKEN, ...REFUSED]))(
  '%s',
  async (_, story, carrier) => {
    const endings = await play(story, carrier)

    expect(endings).toEqual(foretold(story, endings, carrier))
  },
  240_000,
)
