// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import { ILeaseEscrow } from "../../../contracts/src/interfaces/ILeaseEscrow.sol";
import { LeaseAccess } from "../../../contracts/src/LeaseAccess.sol";
import { SatelliteErrors } from "../../../contracts/src/libraries/SatelliteErrors.sol";
import { PremiumStake } from "../../../contracts/src/PremiumStake.sol";
import { Reputation } from "../../../contracts/src/Reputation.sol";
import { deploy } from "../support/Deploy.sol";
import { EscrowDouble } from "../support/EscrowDouble.sol";
import { Fixture } from "../support/Fixture.sol";
import { FeeToken, PlainToken } from "../support/StakeTokens.sol";
import { vm } from "../support/Vm.sol";

/// @notice The last value on each side of a limit, where the limit is one unit wide.
contract SatelliteEdgesTest is Fixture {
    uint256 internal constant MINIMUM = 1000e18;
    address internal constant ATTESTER = address(0xF001);

    EscrowDouble internal double;
    Reputation internal reputation;

    function setUp() public override {
        super.setUp();
        double = new EscrowDouble(ILeaseEscrow(address(0)));
        double.setCounters(node, 10, 10);
        reputation = Reputation(deploy("Reputation", abi.encode(double, OWNER, ATTESTER)));
    }

    function test_setSealingKey_takesTheLeastKey() external {
        LeaseAccess access = LeaseAccess(deploy("LeaseAccess", abi.encode(escrow)));
        vm.prank(tenant);
        access.setSealingKey(bytes32(uint256(1)));
        (bytes32 key, uint32 epoch) = access.sealingKeyOf(tenant);
        assertEq(uint256(key), 1, "key");
        assertEq(epoch, 1, "epoch");
    }

    /// @dev Under 95 % by less than a hundredth of a percent: 30 days of 288 missed beats are just enough, one more is not.
    function test_stake_refusesOneBeatTooFew() external {
        PremiumStake premium = _premium(new PlainToken());
        _attest(1, 289);
        for (uint32 day = 2; day <= 30; ++day) _attest(day, 288);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_UptimeTooLow.selector, node, 9499, 9500)
        );
        premium.stake(node, MINIMUM, 0);
        _attest(1, 288);
        vm.prank(OPERATOR);
        premium.stake(node, MINIMUM, 0);
        assertTrue(premium.isPremium(node), "premium");
    }

    function test_stake_isNotCoveredByADonation() external {
        FeeToken token = new FeeToken();
        PremiumStake premium = _premium(token);
        token.mint(address(premium), MINIMUM);
        _attest(1, 0);
        vm.prank(OPERATOR);
        vm.expectRevert(
            abi.encodeWithSelector(SatelliteErrors.PremiumStake_ShortTransfer.selector, MINIMUM - 1, MINIMUM)
        );
        premium.stake(node, MINIMUM, 0);
    }

    function _premium(PlainToken token) private returns (PremiumStake premium) {
        premium = PremiumStake(deploy("PremiumStake", abi.encode(token, registry, reputation, MINIMUM)));
        token.mint(OPERATOR, MINIMUM);
        vm.prank(OPERATOR);
        token.approve(address(premium), type(uint256).max);
    }

    function _attest(uint32 daysAgo, uint256 missed) private {
        uint256[] memory words = new uint256[](1);
        words[0] = (missed + 1) << (uint256(node % 16) * 16);
        uint32 today = uint32(vm.getBlockTimestamp() / 1 days);
        vm.prank(ATTESTER);
        reputation.attest(today - daysAgo, node / 16, words);
    }
}
