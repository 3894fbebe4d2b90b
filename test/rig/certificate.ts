import { generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'

// Certificates that no machine knows.
//
//   createCertificate('git.example.com')      // signs itself, and is thereby its own authority
//   const authority = createAuthority()       // a company's own: authority.cert goes into a bundle
//   authority.issue('127.0.0.1')              // for a server, which sends no more than this one
//
// A host is a name, or an IPv4 address.

export type Certificate = { readonly key: string; readonly cert: string }

export type Authority = { readonly cert: string; readonly issue: (host: string) => Certificate }

type Name = { readonly name: string; readonly isAuthority: boolean }

const ECDSA_WITH_SHA256 = der(0x30, oid(42, 134, 72, 206, 61, 4, 3, 2))

export function createCertificate(host: string): Certificate {
  const { publicKey, privateKey } = createKeys()
  return seal({ name: host, isAuthority: true }, publicKey, privateKey, { issuer: host, by: privateKey })
}

export function createAuthority(name = 'Corp Root CA'): Authority {
  const { publicKey, privateKey } = createKeys()
  const signed = { issuer: name, by: privateKey }
  return {
    cert: seal({ name, isAuthority: true }, publicKey, privateKey, signed).cert,
    issue: (host) => {
      const own = createKeys()
      return seal({ name: host, isAuthority: false }, own.publicKey, own.privateKey, signed)
    },
  }
}

function createKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function seal(
  { name, isAuthority }: Name,
  publicKey: KeyObject,
  privateKey: KeyObject,
  { issuer, by }: { readonly issuer: string; readonly by: KeyObject },
): Certificate {
  const authority = isAuthority ? der(0x30, der(0x01, Buffer.of(0xff))) : der(0x30)
  const hasAuthority = der(0x30, oid(85, 29, 19), der(0x04, authority))
  const forHost = der(0x30, oid(85, 29, 17), der(0x04, der(0x30, alternativeName(name))))
  const content = der(
    0x30,
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(isAuthority ? 1 : 2)),
    ECDSA_WITH_SHA256,
    commonName(issuer),
    der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, hasAuthority, forHost)),
  )
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', content, by)])
  const certificate = der(0x30, content, ECDSA_WITH_SHA256, der(0x03, signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
  }
}

function commonName(name: string): Buffer {
  return der(0x30, der(0x31, der(0x30, oid(85, 4, 3), der(0x0c, Buffer.from(name)))))
}

function alternativeName(host: string): Buffer {
  return isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host))
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
