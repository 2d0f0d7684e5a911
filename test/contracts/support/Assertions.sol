// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Assertions that say what was expected.
abstract contract Assertions {
    error NotEqual(string what, uint256 actual, uint256 expected);
    error NotAtMost(string what, uint256 actual, uint256 maximum);
    error NotTrue(string what);

    function assertEq(uint256 actual, uint256 expected, string memory what) internal pure {
        if (actual != expected) revert NotEqual(what, actual, expected);
    }

    function assertLe(uint256 actual, uint256 maximum, string memory what) internal pure {
        if (actual > maximum) revert NotAtMost(what, actual, maximum);
    }

    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function bound(uint256 value, uint256 minimum, uint256 maximum) internal pure returns (uint256) {
        return minimum + (value % (maximum - minimum + 1));
    }
}
