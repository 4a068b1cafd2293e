import { type PeerId, toHex } from '../base/index.ts'

/** Where the ledger keeps what; see records.ts. */
export const paths = {
  key: (name: string): string => `key/${name}`,
  keyName: (keyId: Uint8Array): string => `key-name/${toHex(keyId)}`,
  version: (keyId: Uint8Array, version: number): string => `version/${toHex(keyId)}/${version}`,
  versions: (keyId: Uint8Array): string => `version/${toHex(keyId)}/`,
  replaced: (keyId: Uint8Array, version: number): string => `replaced/${toHex(keyId)}/${version}`,
  ceremony: (id: Uint8Array): string => `ceremony/${toHex(id)}`,
  deal: (ceremony: Uint8Array, place: number): string => `deal/${toHex(ceremony)}/${place}`,
  closed: (ceremony: Uint8Array): string => `closed/${toHex(ceremony)}`,
  conviction: (peerId: PeerId): string => `conviction/${peerId}`,
  sealing: (peerId: PeerId): string => `sealing/${peerId}`,
  retired: 'retired',
  audit: (peerId: PeerId): string => `audit/${peerId}`,
  exported: (keyId: Uint8Array, version: number): string => `exported/${toHex(keyId)}/${version}`,
  auditLosses: (peerId: PeerId): string => `audit-losses/${peerId}`,
  openCeremonies: 'ceremonies',
  repairs: 'repairs',
  randomness: (epoch: number): string => `randomness/${String(epoch).padStart(16, '0')}`,
  randomnesses: 'randomness/',
} as const
