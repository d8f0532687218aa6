// SPDX-License-Identifier: Apache-2.0
// Who may read and write the daemon's files. Thread safety: see finding.h.
#ifndef BULKHEAD_CONTROLPLANE_DOCTOR_FILES_H_
#define BULKHEAD_CONTROLPLANE_DOCTOR_FILES_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "controlplane/config/config.h"
#include "controlplane/doctor/finding.h"

namespace bulkhead::doctor {

struct FileFacts {
  std::string what;  // "policy folder"
  std::string path;
  bool exists = false;
  bool folder = false;     // what it is to be; else a socket
  uid_t owner = 0;
  mode_t mode = 0;         // with its type
  mode_t forbidden = 0;    // bits that let the wrong people in
  std::string loose_parent;  // a folder above that others may write to; empty: none
  bool needed = false;     // without it something does not work
};

std::vector<FileFacts> ReadFiles(const Config& config);
void CheckFiles(const std::vector<FileFacts>& files, Findings* findings);

}  // namespace bulkhead::doctor

#endif  // BULKHEAD_CONTROLPLANE_DOCTOR_FILES_H_
