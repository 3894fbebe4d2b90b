import { generateKeyPairSync, sign } from 'node:crypto'

// A certificate for one host that signs itself, and is thereby an authority that nobody knows.

export type Certificate = { readonly key: string; readonly cert: string }

const ECDSA_WITH_SHA256 = der(0x30, oid(42, 134, 72, 206, 61, 4, 3, 2))

export function createCertificate(host: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const commonName = der(0x30, der(0x31, der(0x30, oid(85, 4, 3), der(0x0c, Buffer.from(host)))))
  const hasAuthority = der(0x30, oid(85, 29, 19), der(0x04, der(0x30, der(0x01, Buffer.of(0xff)))))
  const forHost = der(0x30, oid(85, 29, 17), der(0x04, der(0x30, der(0x82, Buffer.from(host)))))
  const content = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1)),
    ECDSA_WITH_SHA256,
    commonName,
    der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, hasAuthority, forHost)),
  )
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', content, privateKey)])
  const certificate = der(0x30, content, ECDSA_WITH_SHA256, der(0x03, signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
  }
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes))
}

/** A value of ASN.1 with its tag and length. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
