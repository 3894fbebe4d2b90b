import { expect, test } from 'vitest'
import { pushReport, withoutLines } from '../rig/pkt-line.ts'
import { foretold, play, titled } from './story.ts'
import type { Scene, Story } from './story.ts'

// Forges that answer well, as far as anybody can see, and say something that is not so.

const MAIN = 'refs/heads/main'
const TOPIC = 'refs/heads/topic'
const RELEASE = 'refs/tags/v1'
const NOWHERE = '1'.repeat(40)
const TRACKED = { delete_policy: 'tracked' } as const

/** The target has all that it had, however long the source stays as it is. */
async function nothingGoes({ timePasses, names }: Scene): Promise<void> {
  await timePasses()
  expect(await names('target')).toEqual([MAIN, TOPIC])
}

function replaced(from: string, to: string): (body: Buffer) => Buffer {
  return (body) => Buffer.from(body.toString('latin1').replaceAll(from, to), 'latin1')
}

const LISTINGS: readonly Story[] = [
  {
    id: 'R24',
    what: 'the source shows no refs at all',
    options: TRACKED,
    arrange: async ({ settle, first, inflict }) => {
      await settle(TOPIC, first)
      inflict('source', 'list', { kind: 'rewrite', rewrite: () => Buffer.from('0000') })
    },
    ends: 'succeeded',
    check: nothingGoes,
  },
  {
    id: 'R24',
    what: 'the source shows a page of one line in place of its refs',
    options: TRACKED,
    arrange: async ({ settle, first, inflict }) => {
      await settle(TOPIC, first)
      const page = { kind: 'status', status: 200, headers: { 'content-type': 'text/html' } } as const
      inflict('source', 'info', { ...page, body: '<html>moved</html>' })
    },
    ends: 'not_git',
    endsRelayed: 'succeeded',
    check: nothingGoes,
  },
  {
    id: 'R24',
    what: 'the source hides one branch at one look',
    options: TRACKED,
    arrange: async ({ settle, first, inflict }) => {
      await settle(TOPIC, first)
      inflict('source', 'list', { kind: 'rewrite', rewrite: (body) => withoutLines(body, TOPIC) }, 1)
    },
    act: ({ ask }) => ask('sync'),
    ends: 'succeeded',
    check: nothingGoes,
  },
  {
    id: 'R24',
    what: 'the source hides its default branch',
    options: TRACKED,
    arrange: async ({ settle, first, inflict }) => {
      await settle(TOPIC, first)
      inflict('source', 'list', { kind: 'rewrite', rewrite: (body) => withoutLines(body, MAIN) })
    },
    ends: 'succeeded',
    check: nothingGoes,
  },
  {
    id: 'R24',
    what: 'the source is emptied by its people',
    options: TRACKED,
    arrange: async ({ settle, set, first }) => {
      await settle(TOPIC, first)
      for (const ref of [MAIN, TOPIC]) await set('source', ref, null)
    },
    act: ({ ask }) => ask('sync'),
    ends: 'succeeded',
    check: nothingGoes,
    mayDiffer: [MAIN, TOPIC],
  },
  {
    id: 'W14',
    what: 'the source lists what it had before the push',
    arrange: ({ first, second, inflict }) =>
      inflict('source', 'list', { kind: 'rewrite', rewrite: replaced(second, first) }),
    ends: 'succeeded',
  },
  {
    id: 'W14',
    what: 'the source lists a commit that it does not have',
    arrange: ({ second, inflict }) =>
      inflict('source', 'list', { kind: 'rewrite', rewrite: replaced(second, NOWHERE) }),
    ends: 'ref_missing',
  },
  {
    id: 'R11',
    what: 'the target shows what it had before somebody pushed',
    arrange: async ({ first, third, set, inflict }) => {
      await set('target', MAIN, third)
      inflict('target', 'push-info', { kind: 'rewrite', rewrite: replaced(third, first) })
    },
    ends: 'moved_meanwhile',
  },
  {
    id: 'R3',
    what: 'a byte of the pack is not what it was',
    arrange: ({ inflict }) => {
      const spoil = (body: Buffer): Buffer => {
        const at = body.indexOf('PACK') + 16
        return Buffer.concat([body.subarray(0, at), Buffer.of((body[at] ?? 0) ^ 0xff), body.subarray(at + 1)])
      }
      inflict('source', 'fetch', { kind: 'rewrite', rewrite: spoil })
    },
    ends: 'bad_objects',
  },
  {
    id: 'R3',
    what: 'the source sends an empty answer in place of the pack',
    arrange: ({ inflict }) => inflict('source', 'fetch', { kind: 'rewrite', rewrite: () => Buffer.alloc(0) }),
    ends: 'not_git',
  },
]

const REPORTS: readonly Story[] = [
  {
    id: 'C8',
    what: 'the target says that it has done what it has not',
    arrange: ({ inflict }) => {
      const headers = { 'content-type': 'application/x-git-receive-pack-result' }
      const body = pushReport('unpack ok', `ok ${MAIN}`).toString('latin1')
      inflict('target', 'push', { kind: 'status', status: 200, headers, body })
    },
    ends: 'succeeded',
  },
  {
    id: 'C8',
    what: 'the target says that it has not done what it has',
    arrange: ({ inflict }) => {
      const report = pushReport('unpack ok', `ng ${MAIN} pre-receive hook declined`)
      inflict('target', 'push', { kind: 'rewrite', rewrite: () => report })
    },
    ends: 'hook_declined',
    endsRelayed: 'succeeded',
  },
  {
    id: 'C8',
    what: 'the target does not say what became of the branch',
    arrange: ({ inflict }) =>
      inflict('target', 'push', { kind: 'rewrite', rewrite: () => pushReport('unpack ok') }),
    ends: 'server_error',
    endsRelayed: 'succeeded',
  },
  {
    id: 'R15',
    what: 'the target says that it has moved a tag which it has not',
    ways: ['to_outer'],
    options: { tag_policy: 'follow' },
    arrange: async ({ settle, first, inflict }) => {
      await settle(RELEASE, first)
      const headers = { 'content-type': 'application/x-git-receive-pack-result' }
      const body = pushReport('unpack ok', `ok ${RELEASE}`).toString('latin1')
      inflict('target', 'push', { kind: 'status', status: 200, headers, body }, 1)
    },
    act: ({ push, third }) => push('source', RELEASE, third),
    ends: 'succeeded',
  },
]

test.each(titled([...LISTINGS, ...REPORTS]))(
  '%s',
  async (_, story, carrier) => {
    const endings = await play(story, carrier)

    expect(endings).toEqual(foretold(story, endings, carrier))
  },
  240_000,
)
