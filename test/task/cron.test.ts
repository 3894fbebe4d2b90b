import { describe, expect, test } from 'vitest'
import { parseCron } from '../../src/task/cron.ts'
import { chinese, containing } from '../rig/matchers.ts'

/** The next times after one, in UTC. */
function times(expression: string, timezone: string, after: string, count = 3): readonly string[] {
  const parsed = parseCron(expression, timezone)
  if (parsed.kind === 'refused') throw new Error(parsed.reason.en)
  return parsed.schedule
    .timesAfter(Date.parse(after), count)
    .map((time) => new Date(time).toISOString().replace(':00.000Z', 'Z'))
}

describe('what is accepted', () => {
  test('five fields, six with seconds first, and the usual names', () => {
    const after = '2026-01-31T12:00:00Z'

    const next = [
      times('0 */2 * * *', 'UTC', after, 1),
      times('*/30 * * * * *', 'UTC', after, 1),
      times('@daily', 'UTC', after, 1),
      times('0/15 * * * *', 'UTC', after, 1),
      times('  30   9  *  *  MON-FRI ', 'UTC', after, 1),
    ]

    expect(next.flat()).toEqual([
      '2026-01-31T14:00Z',
      '2026-01-31T12:00:30.000Z',
      '2026-02-01T00:00Z',
      '2026-01-31T12:15Z',
      '2026-02-02T09:30Z',
    ])
  })

  test('the time zone counts', () => {
    expect(times('0 8 * * *', 'Asia/Shanghai', '2026-01-31T12:00:00Z', 1)).toEqual(['2026-02-01T00:00Z'])
  })

  test('months end where they end', () => {
    expect(times('0 0 31 * *', 'UTC', '2026-01-31T12:00:00Z')).toEqual([
      '2026-03-31T00:00Z',
      '2026-05-31T00:00Z',
      '2026-07-31T00:00Z',
    ])
    expect(times('0 0 L * *', 'UTC', '2026-01-31T12:00:00Z')).toEqual([
      '2026-02-28T00:00Z',
      '2026-03-31T00:00Z',
      '2026-04-30T00:00Z',
    ])
    expect(times('0 0 29 2 *', 'UTC', '2026-01-31T12:00:00Z', 1)).toEqual(['2028-02-29T00:00Z'])
  })
})

describe('daylight saving', () => {
  test('a time that is skipped counts as the first one after the gap', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-30T00:30Z',
      '2026-03-31T00:30Z',
    ])
    expect(times('30 2,14 * * *', 'America/New_York', '2026-03-08T05:00:00Z', 2)).toEqual([
      '2026-03-08T07:00Z',
      '2026-03-08T18:30Z',
    ])
  })

  test('a time that comes twice counts once', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
      '2026-10-27T01:30Z',
    ])
  })

  test('what repeats within the hour goes on through both', () => {
    expect(times('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', 5)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-25T01:00Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:00Z',
      '2026-10-25T02:30Z',
    ])
    expect(times('0 * * * *', 'Europe/Berlin', '2026-03-29T00:30:00Z', 2)).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-29T02:00Z',
    ])
  })
})

describe('what is refused', () => {
  test.each([
    ['', '0'],
    ['* * * *', '4'],
    ['* * * * * * *', '7'],
    ['61 * * * *', 'minute'],
    ['0 61 * * * *', 'minute'],
    ['0 25 * * *', 'hour'],
    ['0 0 32 * *', 'day of the month'],
    ['0 0 * 13 *', 'month'],
    ['* * * * 8', 'day of the week'],
    ['99 * * * * *', 'second'],
    ['5-1 * * * *', 'minute'],
    ['*/0 * * * *', 'minute'],
    ['a b c d e', 'minute'],
    ['0 0 31 2 *', 'no date'],
    ['2026-01-01T00:00:00', '1'],
    ['@every 1h', '2'],
    ['@reboot', '1'],
    [`0 0 ${'1,'.repeat(200)}1 * *`, 'too long'],
  ])('%s: %s', (expression, said) => {
    const parsed = parseCron(expression, 'UTC')

    expect(parsed).toMatchObject({ kind: 'refused', reason: { en: containing(said) } })
    expect(parsed).toMatchObject({ reason: { zh: chinese } })
  })

  test('a time zone that does not exist', () => {
    expect(parseCron('0 0 * * *', 'Nowhere/City')).toMatchObject({
      kind: 'refused',
      reason: { en: 'there is no time zone "Nowhere/City"' },
    })
  })
})
