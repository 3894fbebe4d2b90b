import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { redactPayload } from '../../src/forge/redact.ts'

describe('a stored payload', () => {
  it.each([
    ['a secret', '{"secret": "123456", "ref": "x"}', '{"secret": "***", "ref": "x"}'],
    ['one at any depth', '{"a":[{"password":"x"}]}', '{"a":[{"password":"***"}]}'],
    [
      'a name with a prefix',
      '{"Access_Token":"x","hook-secret":"y"}',
      '{"Access_Token":"***","hook-secret":"***"}',
    ],
    ['a value with quotes', '{"token":"a\\"b\\\\","k":1}', '{"token":"***","k":1}'],
    ['a number', '{"sign" : 12 }', '{"sign" : "***"}'],
    ['a whole object', '{"secret":{"a":["}",{}]},"k":1}', '{"secret":"***","k":1}'],
    ['an escaped name', '{"\\u0073ecret":"x"}', '{"\\u0073ecret":"***"}'],
    ['a key twice', '{"token":"x","token":"y"}', '{"token":"***","token":"***"}'],
    ['a login in an address', '{"u":"https://me:p@ss@h/x"}', '{"u":"https://***@h/x"}'],
    ['a token in an address', '{"u":"https:\\/\\/tok@h\\/x"}', '{"u":"https:\\/\\/***@h\\/x"}'],
    ['a password for ssh', '{"u":"ssh://git:pw@h/x"}', '{"u":"ssh://***@h/x"}'],
  ])('shows no %s', (_, sent, stored) => {
    const redacted = redactPayload(sent)

    expect(redacted).toBe(stored)
  })

  it.each([
    '{"design":"x","assign":true,"tokens":3,"signature":"x"}',
    '{"message":"the \\"secret\\": \\"x\\" is a word, and so is password:"}',
    '{"u":"ssh://git@h:22/x","v":"git@h:a/b.git","w":"https://h/x@y?a=b@c","mail":"a@b.c"}',
    '{"n":12345678901234567890,"n":1.0,"__proto__":{}}',
  ])('is otherwise kept to the byte: %s', (sent) => {
    const redacted = redactPayload(sent)

    expect(redacted).toBe(sent)
  })

  it('can be read as JSON, without any secret, whatever was sent', () => {
    const secretKey = fc.constantFrom('secret', 'token', 'password', 'api_token', 'Sign')
    const payload = fc.tuple(fc.jsonValue(), fc.dictionary(secretKey, fc.jsonValue()))

    fc.assert(
      fc.property(payload, fc.constantFrom(undefined, 2), ([value, secrets], indent) => {
        const redacted: unknown = JSON.parse(
          redactPayload(JSON.stringify({ value, nested: [secrets] }, null, indent)),
        )

        const hidden = Object.fromEntries(Object.keys(secrets).map((key) => [key, '***']))
        expect(redacted).toMatchObject({ nested: [hidden] })
      }),
    )
  })

  it('costs time in proportion to its length at worst', () => {
    const length = 2_000_000
    const hostile = [
      `{"secret":"${'\\"'.repeat(length)}"}`,
      `{"secret":${'['.repeat(length)}`,
      `{"a":"${'\\'.repeat(length)}","sign":1}`,
      `{"sign":1,"u":"${'://'.repeat(length)}@"}`,
      `@${'token"'.repeat(length)}`,
      `"token"${' '.repeat(length)}`,
      `@://${':'.repeat(length)}`,
    ]

    const redacted = hostile.map((text) => redactPayload(text))

    expect(redacted).toHaveLength(hostile.length)
  })
})

test('no text makes redaction throw', () => {
  const text = fc.stringMatching(/^[{}[\]",:\\ stokenrc@/u0-9]*$/)

  const redact = (sent: string): string => redactPayload(`${sent}"token":${sent}`)

  expect(() => fc.assert(fc.property(text, (sent) => redact(sent).length >= 0))).not.toThrow()
})
