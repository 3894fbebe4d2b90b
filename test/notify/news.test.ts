import { describe, expect, test } from 'vitest'
import type { Report } from '../../src/notify/channel.ts'
import { newsFor } from '../../src/notify/news.ts'
import type { Problem } from '../../src/notify/news.ts'
import type { Notice, NoticeEvent } from '../../src/notify/notice.ts'
import { EVERY_EVENT, noticeOf, refOf, unreachable } from './world.ts'

type Listener = { readonly events?: readonly NoticeEvent[]; readonly report?: Report }

/** What a channel is told of one notice after the other. */
function told(notices: readonly Notice[], { events = EVERY_EVENT, report = 'changes' }: Listener = {}) {
  let known: readonly Problem[] = []
  return notices.map((notice) => {
    const news = newsFor({ id: 1, events, report }, notice, known)
    known = [...known.filter((problem) => !news.cleared.includes(problem)), ...news.fresh]
    return news.events
  })
}

const refused = noticeOf('sync_failure', { code: 20_011, refs: [refOf('main', 'rejected')] })
const success = noticeOf('sync_success', { refs: [refOf('main', 'updated')] })
const compared = noticeOf('sync_success', { isWhole: true })
const conflict = noticeOf('sync_conflict', { refs: [refOf('main', 'conflict')] })

describe('a channel for changes', () => {
  test('hears of a failure once, however often it repeats, and of its end once', () => {
    expect(told([unreachable, unreachable, unreachable, success, success, unreachable])).toEqual([
      ['sync_failure'],
      [],
      [],
      ['sync_recovered'],
      [],
      ['sync_failure'],
    ])
  })

  test('hears of a failure of another kind, but not each time two kinds take turns', () => {
    const login = noticeOf('sync_failure', { code: 20_005 })

    expect(told([unreachable, login, unreachable, login])).toEqual([
      ['sync_failure'],
      ['sync_failure'],
      [],
      [],
    ])
  })

  test('hears of no success that follows a success', () => {
    expect(told([success, success, compared])).toEqual([[], [], []])
  })

  test('hears of the end of a failure as a success when it knows no recoveries', () => {
    expect(told([unreachable, success, success], { events: ['sync_success', 'sync_failure'] })).toEqual([
      ['sync_failure'],
      ['sync_success'],
      [],
    ])
    expect(told([unreachable, success, success], { events: ['sync_success'] })).toEqual([
      [],
      ['sync_success'],
      [],
    ])
  })

  test('is not told of a recovery because another branch is well', () => {
    const other = noticeOf('sync_success', { refs: [refOf('dev', 'updated')] })

    expect(told([refused, other, refused, other, success])).toEqual([
      ['sync_failure'],
      [],
      [],
      [],
      ['sync_recovered'],
    ])
  })

  test('is told of a recovery when a comparison of everything finds nothing wrong', () => {
    expect(told([refused, conflict, compared])).toEqual([
      ['sync_failure'],
      ['sync_conflict'],
      ['sync_recovered'],
    ])
  })

  test('hears of each conflict once, and of one that joins it', () => {
    const both = noticeOf('sync_conflict', { refs: [refOf('main', 'conflict'), refOf('dev', 'conflict')] })

    expect(told([conflict, conflict, both, both])).toEqual([['sync_conflict'], [], ['sync_conflict'], []])
  })

  test('hears when a conflict is closed, also while another one stays', () => {
    const dev = noticeOf('sync_conflict', { refs: [refOf('dev', 'conflict')] })
    const closed = noticeOf('sync_recovered', { refs: [refOf('main', 'updated')] })

    expect(told([conflict, dev, closed, closed, success])).toEqual([
      ['sync_conflict'],
      ['sync_conflict'],
      ['sync_recovered'],
      [],
      [],
    ])
  })

  test('knows a ref by both its names, whichever way it travels', () => {
    const names = { source_ref: 'refs/heads/a', target_ref: 'refs/heads/b' }
    const back = { source_ref: 'refs/heads/b', target_ref: 'refs/heads/a' }
    const there = noticeOf('sync_conflict', { refs: [refOf('a', 'conflict', names)] })

    expect(told([there, noticeOf('sync_success', { refs: [refOf('a', 'updated', back)] })])).toEqual([
      ['sync_conflict'],
      ['sync_recovered'],
    ])
  })

  test('sees that a run that ended in a conflict has reached both sides', () => {
    expect(told([unreachable, conflict, unreachable])).toEqual([
      ['sync_failure'],
      ['sync_conflict'],
      ['sync_failure'],
    ])
  })

  test('is told of a pause once, until all is well again', () => {
    const paused = noticeOf('binding_paused')

    expect(told([unreachable, paused, paused, success, paused])).toEqual([
      ['sync_failure'],
      ['binding_paused'],
      [],
      ['sync_recovered'],
      ['binding_paused'],
    ])
  })

  test('remembers a hundred refs of a push that was refused whole, and still hears of its end', () => {
    const refs = Array.from({ length: 5000 }, (_, number) => refOf(`b${number}`, 'rejected'))
    const failed = noticeOf('sync_failure', { refs, isWhole: true })
    const { fresh } = newsFor({ id: 1, events: EVERY_EVENT, report: 'changes' }, failed, [])

    expect(fresh).toHaveLength(101)
    expect(told([failed, failed, compared])).toEqual([['sync_failure'], [], ['sync_recovered']])
  })

  test('is always told what is no state', () => {
    const cron = noticeOf('cron_triggered')
    const webhook = noticeOf('webhook_error')

    expect(told([cron, cron, webhook, webhook])).toEqual([
      ['cron_triggered'],
      ['cron_triggered'],
      ['webhook_error'],
      ['webhook_error'],
    ])
  })
})

describe('a channel for all', () => {
  test('hears of every run that moved something, of every failure, and of the recovery besides', () => {
    const notices = [success, unreachable, unreachable, success, compared]

    expect(told(notices, { report: 'all' })).toEqual([
      ['sync_success'],
      ['sync_failure'],
      ['sync_failure'],
      ['sync_recovered', 'sync_success'],
      [],
    ])
  })
})

test('a channel hears of nothing that it has not asked for', () => {
  const notices = EVERY_EVENT.map((event) => noticeOf(event, { refs: [refOf('main', 'updated')] }))

  expect(told(notices, { events: ['sync_conflict'], report: 'all' }).flat()).toEqual(['sync_conflict'])
})
