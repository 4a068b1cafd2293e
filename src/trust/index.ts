export { type BeaconState, createBeacons, type HeardBeacon, hearBeacon, makeBeacon } from './beacons.ts'
export { medianRoundTrip, noteRoundTrip, type RoundTrips } from './round-trips.ts'
