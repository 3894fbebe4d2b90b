import { expect, test } from 'vitest'
import { foretold, play, titled } from './story.ts'
import type { Story } from './story.ts'

// People on both sides who do not wait for each other.

const MAIN = 'refs/heads/main'
const TOPIC = 'refs/heads/topic'
const RELEASE = 'refs/tags/v1'

const PEOPLE: readonly Story[] = [
  {
    id: 'R10',
    what: 'the target has a commit of its own',
    arrange: ({ set, third }) => set('target', MAIN, third),
    ends: 'non_fast_forward',
    check: async ({ head, second, third }) => {
      expect(await head('source', MAIN)).toBe(second)
      expect(await head('target', MAIN)).toBe(third)
    },
  },
  {
    id: 'R10',
    what: 'a person lets the source win over a commit of the target',
    arrange: ({ set, third }) => set('target', MAIN, third),
    ends: 'non_fast_forward',
    mend: ({ chaos, ask, source }) =>
      ask('conflicts/main/resolve', { take: source }).then(chaos.attemptEnded),
  },
  {
    id: 'R10',
    what: 'somebody merges both sides',
    arrange: ({ set, third }) => set('target', MAIN, third),
    ends: 'non_fast_forward',
    mend: ({ chaos, push, second, third }) =>
      push('source', MAIN, chaos.hands.commit('merge', [second, third])),
  },
  {
    id: 'R10',
    what: 'history is rewritten at the source',
    arrange: ({ settle, second }) => settle(MAIN, second),
    act: ({ push, third }) => push('source', MAIN, third),
    ends: 'non_fast_forward',
  },
  {
    id: 'R10',
    what: 'history is rewritten, and a person wants it so',
    ways: ['to_outer'],
    arrange: ({ settle, second }) => settle(MAIN, second),
    act: async ({ set, third, ask }) => {
      await set('source', MAIN, third)
      return ask('sync', { force: true })
    },
    ends: 'succeeded',
    check: async ({ head, third }) => expect(await head('target', MAIN)).toBe(third),
  },
  {
    id: 'R10',
    what: 'a branch is taken back at the source',
    arrange: ({ settle, second }) => settle(MAIN, second),
    act: ({ push, first }) => push('source', MAIN, first),
    ends: 'non_fast_forward',
  },
  {
    id: 'R11',
    what: 'somebody pushes to the target just before us',
    arrange: ({ chaos, app, target, set, third }) => {
      const hold = chaos.forges[target].holdAt('push-info', 'before', app.repositories[target].name)
      void hold.reached.then(() => set('target', MAIN, third)).then(hold.release)
    },
    carriers: ['git'],
    ends: 'non_fast_forward',
  },
  {
    id: 'R12',
    what: 'somebody pushes to the target while it takes our push',
    arrange: ({ chaos, app, target, set, third }) => {
      const hold = chaos.forges[target].holdAt('push', 'before', app.repositories[target].name)
      void hold.reached.then(() => set('target', MAIN, third)).then(hold.release)
    },
    ends: 'moved_meanwhile',
  },
  {
    id: 'R12',
    what: 'somebody pushes the same to the target while it takes our push',
    arrange: ({ chaos, app, target, set, second }) => {
      const hold = chaos.forges[target].holdAt('push', 'before', app.repositories[target].name)
      void hold.reached.then(() => set('target', MAIN, second)).then(hold.release)
    },
    ends: 'moved_meanwhile',
    endsRelayed: 'succeeded',
  },
  {
    id: 'R12',
    what: 'the source moves on while it is read',
    arrange: ({ chaos, app, source, set, second }) => {
      const hold = chaos.forges[source].holdAt('fetch', 'before', app.repositories[source].name)
      const more = chaos.hands.commit('more', [second])
      void hold.reached.then(() => set('source', MAIN, more)).then(hold.release)
    },
    ends: 'succeeded',
  },
  {
    id: 'R15',
    what: 'a tag is moved at the source',
    arrange: ({ settle, first }) => settle(RELEASE, first),
    act: ({ push, second }) => push('source', RELEASE, second),
    ends: 'tag_moved',
  },
  {
    id: 'R15',
    what: 'an annotated tag is moved at the source, and tags follow',
    options: { tag_policy: 'follow' },
    arrange: ({ settle, chaos, first }) => settle(RELEASE, chaos.hands.tag('v1', first)),
    act: ({ push, chaos, second }) => push('source', RELEASE, chaos.hands.tag('v1', second)),
    ends: 'succeeded',
  },
  {
    id: 'W14',
    what: 'a branch is deleted at the source, and the forge tells',
    options: { delete_policy: 'tracked' },
    arrange: ({ settle, second }) => settle(TOPIC, second),
    act: ({ push }) => push('source', TOPIC, null),
    ends: 'succeeded',
    check: async ({ names }) => expect(await names('target')).toEqual([MAIN]),
  },
  {
    id: 'W14',
    what: 'a branch is deleted at the source while the target got commits',
    options: { delete_policy: 'tracked' },
    arrange: async ({ settle, set, first, second }) => {
      await settle(TOPIC, first)
      await set('target', TOPIC, second)
    },
    act: ({ push }) => push('source', TOPIC, null),
    ends: 'deletion_conflict',
    check: async ({ head, second }) => expect(await head('target', TOPIC)).toBe(second),
  },
  {
    id: 'R24',
    what: 'a dozen branches are deleted at once',
    options: { delete_policy: 'tracked' },
    arrange: async ({ set, settle, first }) => {
      for (const ref of DOZEN) await set('source', ref, first)
      await settle('refs/heads/last', first)
    },
    act: async ({ chaos, set, timePasses, ask }) => {
      await chaos.attemptEnded(await ask('sync'))
      for (const ref of DOZEN) await set('source', ref, null)
      await timePasses()
      return ask('sync')
    },
    ends: 'held',
    check: async ({ names }) => expect(await names('target')).toHaveLength(DOZEN.length + 2),
  },
]

const DOZEN = Array.from({ length: 12 }, (_, number) => `refs/heads/many/${number}`)

test.each(titled(PEOPLE))(
  '%s',
  async (_, story, carrier) => {
    const endings = await play(story, carrier)

    expect(endings).toEqual(foretold(story, endings, carrier))
  },
  240_000,
)
